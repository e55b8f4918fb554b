(func_def name: (identifier) @name) @definition.function
(rule (pattern) @name) @definition.rule

(block) @body

(comment) @lead

(directive (string) @import)
