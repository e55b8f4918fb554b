(rule (targets (word) @name)) @definition.function
(define_directive name: (word) @name) @definition.macro
(variable_assignment name: (word) @name) @definition.constant

(conditional) @spread
(recipe) @body

(comment) @lead

(include_directive filenames: (list (word) @import))
