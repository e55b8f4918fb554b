require 'json'
require_relative 'base'

module Acme
  # Keeps items.
  class Store < Base
    MAX = 10
    attr_reader :size, :name

    def initialize(size)
      @size = size
    end

    def self.open(path)
      new(1)
    end

    class << self
      def shut; end
    end

    def empty? = size.zero?

    define_method(:reset) { @size = 0 }
  end

  Point = Struct.new(:x, :y) do
    def length = x + y
  end
end

class Acme::Error < StandardError; end

def top(arg)
  arg
end
