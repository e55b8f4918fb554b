(function_definition declarator: (function_declarator declarator: (_) @name)) @definition.function
(function_definition declarator: (_ (function_declarator declarator: (_) @name))) @definition.function
(function_definition declarator: (_ (_ (function_declarator declarator: (_) @name)))) @definition.function
(declaration declarator: (function_declarator declarator: (identifier) @name)) @definition.prototype
(declaration declarator: (pointer_declarator (function_declarator declarator: (identifier) @name))) @definition.prototype
(declaration declarator: (pointer_declarator (pointer_declarator (function_declarator declarator: (identifier) @name)))) @definition.prototype

(struct_specifier name: (_) @name body: (_)) @definition.struct
(union_specifier name: (_) @name body: (_)) @definition.struct
(enum_specifier name: (_) @name body: (_)) @definition.enum
(type_definition declarator: (type_identifier) @name) @definition.typedef
(type_definition declarator: (pointer_declarator declarator: (type_identifier) @name)) @definition.typedef
(type_definition declarator: (function_declarator
  declarator: (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @name)))) @definition.typedef
(type_definition declarator: (function_declarator declarator: (type_identifier) @name)) @definition.typedef

(preproc_function_def name: (identifier) @name) @definition.macro
(preproc_def name: (identifier) @name value: (_)) @definition.constant
(declaration declarator: (init_declarator declarator: (identifier) @name)) @definition.constant
(declaration declarator: (init_declarator declarator: (array_declarator declarator: (identifier) @name))) @definition.constant
(declaration declarator: (init_declarator declarator: (pointer_declarator declarator: (identifier) @name))) @definition.constant
(declaration declarator: (init_declarator declarator: (pointer_declarator
  (array_declarator declarator: (identifier) @name)))) @definition.constant

(compound_statement) @body
(field_declaration_list) @body
(enumerator_list) @body
(initializer_list) @body
(preproc_if) @spread
(preproc_ifdef) @spread
(preproc_else) @spread
(preproc_elif) @spread
(linkage_specification) @spread
(declaration_list) @spread

(comment) @lead

(preproc_include path: (_) @import)
