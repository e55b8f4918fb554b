module Weigh

struct Frame
    weight::Float64
    full::Bool
end

total(frames) = sum(f.weight for f in frames if f.full; init=0.0)

function report(hives::Dict{String,Vector{Frame}})
    for (place, frames) in hives
        println("$place: $(total(frames))")
    end
end

end
