package packager

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// readGoccy reads YAML with goccy/go-yaml, which shares no code with the
// first reader: what both read alike, CloudFormation's reader does too. It
// has no positions here, and refuses some templates that are right.
func readGoccy(src *problem.Source) (n *node, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, fmt.Errorf("the second reader: %v", r)
		}
	}()
	file, err := parser.ParseBytes(src.Text, 0)
	if err != nil {
		return nil, err
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, errors.New("not one document")
	}
	return fromGoccy(file.Docs[0].Body, 0)
}

func fromGoccy(a ast.Node, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values are nested deeper than %d levels", maxDepth)
	}
	switch a := a.(type) {
	case nil:
		return &node{tag: "null"}, nil
	case *ast.MappingNode:
		n := &node{kind: mapping}
		for _, v := range a.Values {
			if err := n.addGoccy(v, depth); err != nil {
				return nil, err
			}
		}
		return n, nil
	case *ast.MappingValueNode:
		n := &node{kind: mapping}
		return n, n.addGoccy(a, depth)
	case *ast.MappingKeyNode:
		return fromGoccy(a.Value, depth+1)
	case *ast.SequenceNode:
		n := &node{kind: sequence}
		for _, v := range a.Values {
			item, err := fromGoccy(v, depth+1)
			if err != nil {
				return nil, err
			}
			n.values = append(n.values, item)
		}
		return n, nil
	case *ast.TagNode:
		n, err := fromGoccy(a.Value, depth+1)
		if err == nil {
			n.tag = a.Start.Value + n.tag
		}
		return n, err
	case *ast.AnchorNode:
		n, err := fromGoccy(a.Value, depth+1)
		if err == nil {
			n.anchor = a.Name.GetToken().Value
		}
		return n, err
	case *ast.AliasNode:
		return &node{kind: alias, value: a.Value.GetToken().Value}, nil
	case *ast.StringNode:
		return &node{value: a.Value}, nil
	case *ast.LiteralNode:
		return &node{value: a.Value.Value}, nil
	case *ast.NullNode:
		return &node{tag: "null"}, nil
	default:
		// Numbers, truth values and the merge key: their text, marked as
		// being no string.
		return &node{value: a.GetToken().Value, tag: a.Type().String()}, nil
	}
}

func (n *node) addGoccy(v *ast.MappingValueNode, depth int) error {
	key, err := fromGoccy(v.Key, depth+1)
	if err != nil {
		return err
	}
	value, err := fromGoccy(v.Value, depth+1)
	n.keys, n.values = append(n.keys, key), append(n.values, value)
	return err
}
