package template

// Property returns which property the row is about.
func (r Row) Property() (section, typ, path string) { return r.section, r.typ, r.path }
