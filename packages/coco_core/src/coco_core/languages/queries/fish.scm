(function_definition . name: (_) @name) @definition.function
(program (command name: (word) @_set . argument: (word) @name (#eq? @_set "set")) @definition.constant)

(function_definition) @body
(if_statement) @body
(else_clause) @body
(switch_statement) @body
(case_clause) @body
(for_statement) @body
(while_statement) @body
(begin_statement) @body

(comment) @lead

(command name: (word) @_source . argument: (_) @import (#any-of? @_source "source" "."))
