; inherits: c
(class_specifier name: (_) @name body: (_)) @definition.class
(alias_declaration name: (type_identifier) @name) @definition.type
(concept_definition name: (identifier) @name) @definition.type
(function_definition declarator: (operator_cast type: (_) @name)) @definition.method
(declaration declarator: (function_declarator declarator: (qualified_identifier) @name)) @definition.prototype
(declaration declarator: (reference_declarator (function_declarator declarator: (identifier) @name))) @definition.prototype
(field_declaration declarator: (function_declarator declarator: (_) @name)) @definition.method
(field_declaration declarator: (_ (function_declarator declarator: (field_identifier) @name))) @definition.method
(template_declaration (function_definition declarator: (function_declarator declarator: (_) @name))) @definition.function
(template_declaration (class_specifier name: (_) @name)) @definition.class
(template_declaration (struct_specifier name: (_) @name)) @definition.struct

(namespace_definition) @spread
(template_declaration) @body
