(value_definition (let_binding pattern: (value_name) @name (parameter))) @definition.function
(value_definition (let_binding pattern: (value_name) @name body: (fun_expression))) @definition.function
(value_definition (let_binding pattern: (value_name) @name body: (function_expression))) @definition.function
(value_definition (let_binding pattern: (value_name) @name)) @definition.constant
(value_specification (value_name) @name) @definition.function
(external (value_name) @name) @definition.function
(type_definition (type_binding name: (_) @name)) @definition.type
(exception_definition (constructor_declaration (constructor_name) @name)) @definition.type
(module_definition (module_binding (module_name) @name)) @definition.module
(module_type_definition (module_type_name) @name) @definition.module
(class_definition (class_binding (class_name) @name)) @definition.class
(method_definition (method_name) @name) @definition.method

(structure) @body
(signature) @body
(object_expression) @body
(value_definition) @body
(let_expression) @body
(match_expression) @body

(comment) @lead
(attribute) @lead

(open_module module: (module_path) @import)
