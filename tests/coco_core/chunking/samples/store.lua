local json = require("acme.json")
local M = {}

-- Opens a store.
function M.open(path)
  local handle = io.open(path)
  return handle
end

function M:close() end

M.flush = function(self) end

local function helper(a) return a end

local twice = function(a) return a * 2 end

function global_one() end

return M
