(element (STag (Name) @name)) @definition.config
(element (EmptyElemTag (Name) @name)) @definition.config

(content) @body
(element) @spread

(Comment) @lead
