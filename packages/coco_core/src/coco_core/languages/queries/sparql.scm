(prefix_declaration (namespace) @name) @definition.constant

(select_query) @body
(construct_query) @body
(group_graph_pattern) @body

(comment) @lead
