program Hive;

type
  TFrame = record
    Weight: Real;
    Full: Boolean;
  end;

function Total(const Frames: array of TFrame): Real;
var
  I: Integer;
begin
  Result := 0;
  for I := Low(Frames) to High(Frames) do
    if Frames[I].Full then
      Result := Result + Frames[I].Weight;
end;

begin
  WriteLn('Hives: ', 2);
end.
