(function_definition name: (word) @name) @definition.function
(program (variable_assignment name: (variable_name) @name) @definition.constant)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @definition.constant)

(compound_statement) @body
(subshell) @body
(do_group) @body
(if_statement) @body
(case_statement) @body
(case_item) @body
(elif_clause) @body
(else_clause) @body

(comment) @lead

(command name: (command_name (word) @_source) argument: [(word) (string)] @import
  (#any-of? @_source "source" "."))
