{-# LANGUAGE OverloadedStrings #-}
-- | Keeps items.
module Acme.Store (open, Store (..)) where

import qualified Data.Map as Map
import Data.Text (Text)

-- | A store.
data Store a = Store
  { items :: Map.Map Text a
  , size :: Int
  } deriving (Show)

newtype Id = Id Int

type Name = Text

-- | Things with a size.
class Sized a where
  measure :: a -> Int
  measure _ = 0

instance Sized (Store a) where
  measure = size

-- | Opens a store.
open :: Int -> Store a
open 0 = Store Map.empty 0
open n = go n
  where
    go k = Store Map.empty k

(<+>) :: Store a -> Store a -> Store a
a <+> _ = a

main :: IO ()
main = do
  print 1
