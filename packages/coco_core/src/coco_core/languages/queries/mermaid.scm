(class_stmt_class (class_name) @name) @definition.class
(sequence_stmt_participant (sequence_actor) @name) @definition.constant

(diagram_sequence) @body
(diagram_flow) @body
(diagram_class) @body
(diagram_state) @body

(comment) @lead
