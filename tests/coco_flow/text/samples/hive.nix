{ pkgs ? import <nixpkgs> { } }:

let
  places = [ "garden" "orchard" ];
  greet = place: "hive in the ${place}";
in
pkgs.mkShell {
  packages = [ pkgs.python3 pkgs.sqlite ];
  shellHook = ''
    echo ${greet (builtins.head places)}
  '';
}
