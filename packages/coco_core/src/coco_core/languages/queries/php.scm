(class_declaration name: (name) @name) @definition.class
(interface_declaration name: (name) @name) @definition.interface
(trait_declaration name: (name) @name) @definition.trait
(enum_declaration name: (name) @name) @definition.enum
(function_definition name: (name) @name) @definition.function
(method_declaration name: (name) @name) @definition.method
(const_declaration (const_element (name) @name)) @definition.constant
(property_declaration (property_element name: (variable_name (name) @name))) @definition.field
(enum_case name: (name) @name) @definition.field
(program (expression_statement (assignment_expression left: (variable_name (name) @name)
  right: [(anonymous_function) (arrow_function)])) @definition.function)
(function_call_expression function: (name) @_define
  arguments: (arguments . (argument (string (string_content) @name))) (#eq? @_define "define")) @definition.constant

(namespace_definition body: (_)) @spread
(namespace_definition body: (compound_statement) @spread)
(declaration_list) @body
(enum_declaration_list) @body
(compound_statement) @body
(switch_block) @body
(array_creation_expression) @body

(comment) @lead
(attribute_list) @lead

(namespace_use_clause (qualified_name) @import)
(namespace_use_clause . (name) @import)
(require_expression (string (string_content) @import))
(require_once_expression (string (string_content) @import))
(include_expression (string (string_content) @import))
