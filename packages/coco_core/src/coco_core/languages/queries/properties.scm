(property (key) @name) @definition.property

(comment) @lead
