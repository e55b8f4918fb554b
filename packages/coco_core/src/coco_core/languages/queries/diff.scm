(block (new_file (filename) @name)) @definition.section
(hunk (location) @name) @definition.section

(block) @body
(hunks) @body

(comment) @lead
