(program (named_node name: (identifier) @name) @definition.rule)

(named_node) @body
(list) @body

(comment) @lead
