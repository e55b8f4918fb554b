(elementdecl (Name) @name) @definition.config
(AttlistDecl (Name) @name) @definition.config
(GEDecl (Name) @name) @definition.config
(PEDecl (Name) @name) @definition.config

(Comment) @lead
