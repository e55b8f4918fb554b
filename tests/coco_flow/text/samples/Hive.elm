module Hive exposing (Hive, total, view)

import Html exposing (Html, li, text, ul)

type alias Hive =
    { place : String, frames : List Float }

total : Hive -> Float
total hive =
    List.sum hive.frames

view : List Hive -> Html msg
view hives =
    ul [] (List.map (\hive -> li [] [ text hive.place ]) hives)
