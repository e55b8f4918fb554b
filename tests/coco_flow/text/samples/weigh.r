# Weights of frames by hive.
total <- function(frames, full = TRUE) {
  kept <- frames[frames$full == full, ]
  sum(kept$weight)
}

hives <- list(
  garden = data.frame(weight = c(1.5, 2.5), full = c(TRUE, FALSE)),
  orchard = data.frame(weight = 3, full = TRUE)
)

for (name in names(hives)) {
  cat(name, total(hives[[name]]), "\n")
}
