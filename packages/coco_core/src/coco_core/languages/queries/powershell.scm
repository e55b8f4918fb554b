(function_statement (function_name) @name) @definition.function
(class_statement . (simple_name) @name) @definition.class
(class_method_definition (simple_name) @name) @definition.method
(class_property_definition (variable) @name) @definition.field
(enum_statement . (simple_name) @name) @definition.enum
(program (statement_list (pipeline (assignment_expression
  (left_assignment_expression) @name)) @definition.constant))

(class_statement) @body
(statement_block) @body
(script_block_body (statement_list) @body)
(program (statement_list) @spread)

(comment) @lead

(command command_name: (command_name) @_import
  command_elements: (command_elements (generic_token) @import) (#any-of? @_import "Import-Module" "using"))
