defmodule Acme.Store do
  @moduledoc "Keeps items."
  use GenServer
  alias Acme.{Item, Event}
  require Logger

  @timeout 5_000
  defstruct [:id, :items]

  @doc "Opens a store."
  @spec open(binary) :: {:ok, t}
  def open(path) when is_binary(path) do
    {:ok, path}
  end

  def open(path), do: {:error, path}

  defp helper, do: 1

  defmacro trace(expr) do
    quote do: unquote(expr)
  end

  defguard is_id(value) when is_integer(value)

  defmodule Item do
    def new(id), do: id
  end
end

defprotocol Acme.Size do
  def size(data)
end

defimpl Acme.Size, for: Acme.Store do
  def size(store), do: 1
end
