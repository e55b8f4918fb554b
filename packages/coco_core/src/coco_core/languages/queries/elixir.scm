(call target: (identifier) @_def (arguments . (alias) @name) (do_block)
  (#any-of? @_def "defmodule" "defprotocol")) @definition.module
(call target: (identifier) @_def (arguments . (alias) @name) (do_block)
  (#eq? @_def "defimpl")) @container.module

; def f(a), def f(a) when b, def f, def a + b
(call target: (identifier) @_def (arguments . (call target: (identifier) @name))
  (#any-of? @_def "def" "defp" "defmacro" "defmacrop" "defguard" "defguardp" "defdelegate" "defn" "defnp")) @definition.clause
(call target: (identifier) @_def
  (arguments . (binary_operator left: (call target: (identifier) @name) operator: "when"))
  (#any-of? @_def "def" "defp" "defmacro" "defmacrop" "defguard" "defguardp")) @definition.clause
(call target: (identifier) @_def (arguments . (identifier) @name)
  (#any-of? @_def "def" "defp" "defmacro" "defmacrop")) @definition.clause
(call target: (identifier) @_def
  (arguments . (binary_operator left: (identifier) operator: _ @name right: (identifier)))
  (#any-of? @_def "def" "defp" "defmacro" "defmacrop")) @definition.clause

(do_block) @body
(stab_clause right: (body) @body)

(comment) @lead
(unary_operator operator: "@" operand: (call target: (identifier) @_attribute)
  (#any-of? @_attribute "doc" "spec" "impl" "typedoc" "deprecated" "since")) @lead

(call target: (identifier) @_use (arguments . [(alias) (dot left: (alias))] @import)
  (#any-of? @_use "use" "alias" "import" "require"))
