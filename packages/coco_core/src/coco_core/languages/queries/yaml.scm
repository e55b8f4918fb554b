(document (block_node (block_mapping (block_mapping_pair key: (_) @name) @definition.config)))
(document (block_node (block_mapping (block_mapping_pair
  value: (block_node (block_mapping (block_mapping_pair key: (_) @name) @definition.config))))))

(document) @spread
(document (block_node) @spread)
(document (block_node (block_mapping) @spread))
(block_mapping) @body
(block_sequence) @body

(comment) @lead
