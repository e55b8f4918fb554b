(signature name: (_) @name) @definition.clause
(signature names: (binding_list name: (_) @name)) @definition.clause
(function name: (_) @name) @definition.clause
(function (infix operator: (_) @name)) @definition.clause
(declarations (bind name: (_) @name) @definition.clause)
(class_declarations (bind name: (_) @name) @definition.clause)
(instance_declarations (bind name: (_) @name) @definition.clause)
(data_type name: (_) @name) @definition.type
(newtype name: (_) @name) @definition.type
(type_synonym name: (_) @name) @definition.type
(type_family name: (_) @name) @definition.type
(data_family name: (_) @name) @definition.type
(class name: (_) @name) @definition.trait
(instance name: (_) @name) @container
(pattern_synonym (equation synonym: (apply function: (_) @name))) @definition.function

(haskell (declarations) @spread)
(haskell (imports) @spread)
(class_declarations) @body
(instance_declarations) @body
(local_binds) @body
(do) @body
(alternatives) @body

(comment) @lead
(haddock) @lead
(pragma) @lead

(import module: (module) @import)
