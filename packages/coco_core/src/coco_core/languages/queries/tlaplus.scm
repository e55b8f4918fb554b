(module name: (identifier) @name) @definition.module
(operator_definition name: (_) @name) @definition.function
(function_definition name: (identifier) @name) @definition.function
(theorem name: (identifier) @name) @definition.function
(assumption name: (identifier) @name) @definition.constant
(constant_declaration (identifier) @name) @definition.constant
(variable_declaration . (identifier) @name) @definition.constant

(module) @body
(conj_list) @body
(disj_list) @body
(non_terminal_proof) @body

(comment) @lead
(block_comment) @lead

(extends (identifier_ref) @import)
