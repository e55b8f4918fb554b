(type_declaration name: (upper_case_identifier) @name) @definition.type
(type_alias_declaration name: (upper_case_identifier) @name) @definition.type
(type_annotation name: (lower_case_identifier) @name) @definition.clause
(file (value_declaration
  functionDeclarationLeft: (function_declaration_left . (lower_case_identifier) @name)) @definition.clause)
(port_annotation name: (lower_case_identifier) @name) @definition.function

(let_in_expr) @body
(case_of_expr) @body

(line_comment) @lead
(block_comment) @lead

(import_clause moduleName: (upper_case_qid) @import)
