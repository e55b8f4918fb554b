(program (binary_operator lhs: (identifier) @name rhs: (function_definition)) @definition.function)
(program (binary_operator lhs: (identifier) @name) @definition.constant)
(program (call function: (identifier) @_form
  arguments: (arguments . (argument value: (string content: (string_content) @name)))
  (#any-of? @_form "setClass" "setRefClass" "R6Class")) @definition.class)
(program (call function: (identifier) @_form
  arguments: (arguments . (argument value: (string content: (string_content) @name)))
  (#any-of? @_form "setMethod" "setGeneric" "setReplaceMethod" "test_that")) @definition.function)

(braced_expression) @body

(comment) @lead

(call function: (identifier) @_load arguments: (arguments . (argument value: (identifier) @import))
  (#any-of? @_load "library" "require" "requireNamespace"))
