(function_declaration name: (identifier) @name) @definition.function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @scope
    (generic_type type: (type_identifier) @scope)
    (pointer_type (type_identifier) @scope)
    (pointer_type (generic_type type: (type_identifier) @scope))]))
  name: (field_identifier) @name) @definition.method
(type_spec name: (type_identifier) @name) @definition.type
(type_alias name: (type_identifier) @name) @definition.type
(interface_type (method_elem name: (field_identifier) @name) @definition.method)
(const_spec name: (identifier) @name) @definition.constant
(var_spec name: (identifier) @name) @definition.constant

(block) @body
(field_declaration_list) @body
(interface_type) @body
(expression_switch_statement) @body
(type_switch_statement) @body
(select_statement) @body
(literal_value) @body
(const_declaration "(") @body
(var_spec_list) @body
(type_declaration "(") @body

(comment) @lead

(import_spec path: (interpreted_string_literal (interpreted_string_literal_content) @import))
