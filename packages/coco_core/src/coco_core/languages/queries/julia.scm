(module_definition name: (identifier) @name) @definition.module
(struct_definition (type_head (identifier) @name)) @definition.struct
(struct_definition (type_head (binary_expression . (identifier) @name))) @definition.struct
(struct_definition (type_head (parametrized_type_expression . (identifier) @name))) @definition.struct
(struct_definition (type_head (binary_expression . (parametrized_type_expression . (identifier) @name)))) @definition.struct
(abstract_definition (type_head (identifier) @name)) @definition.type
(abstract_definition (type_head (binary_expression . (identifier) @name))) @definition.type
(function_definition (signature (call_expression . (_) @name))) @definition.function
(function_definition (signature (typed_expression (call_expression . (_) @name)))) @definition.function
(function_definition (signature (where_expression (call_expression . (_) @name)))) @definition.function
(function_definition (signature (where_expression (typed_expression (call_expression . (_) @name))))) @definition.function
(assignment . (call_expression . (_) @name)) @definition.function
(assignment . (where_expression (call_expression . (_) @name))) @definition.function
(macro_definition (signature (call_expression . (identifier) @name))) @definition.macro
(const_statement (assignment . (identifier) @name)) @definition.constant

(module_definition) @body
(function_definition) @body
(if_statement) @body
(for_statement) @body
(let_statement) @body

(line_comment) @lead
(block_comment) @lead
(string_literal) @lead

(using_statement (_) @import)
(import_statement (_) @import)
