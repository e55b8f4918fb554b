(package_statement (package_name) @name) @definition.module
(function_definition name: (identifier) @name) @definition.function
(call_expression_with_spaced_args
  (call_expression_with_bareword function_name: (identifier) @_form)
  args: (arguments . (string_single_quoted) @name) (#eq? @_form "subtest")) @definition.function

(block) @body

(comments) @lead

(use_no_statement package_name: (package_name) @import)
(require_statement package_name: (package_name) @import)
