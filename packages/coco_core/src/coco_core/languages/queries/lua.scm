(function_declaration name: (_) @name) @definition.function
(assignment_statement (variable_list . name: (_) @name)
  (expression_list . value: (function_definition))) @definition.function
(chunk (variable_declaration (assignment_statement (variable_list name: (identifier) @name))) @definition.constant)
(chunk (assignment_statement (variable_list name: (_) @name)) @definition.constant)
(field name: (identifier) @name value: (function_definition)) @definition.function

(block) @body
(table_constructor) @body

(comment) @lead

(function_call name: (identifier) @_require
  arguments: (arguments . (string content: (string_content) @import)) (#eq? @_require "require"))
