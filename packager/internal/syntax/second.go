package syntax

import (
	"context"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// ReadSecond reads YAML with goccy/go-yaml, which shares no code with the
// first reader: what both read alike, CloudFormation's reader does too. It
// has no positions here, and refuses some templates that are right. It does not look at
// the context, as what it is asked about is small; see Readers.
func ReadSecond(_ context.Context, src *problem.Source) (n *Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, fmt.Errorf("the second reader: %v", r)
		}
	}()
	text, err := withoutDirectives(src)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, err
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, errors.New("not one document")
	}
	return fromGoccy(file.Docs[0].Body, 0)
}

func fromGoccy(a ast.Node, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values are nested deeper than %d levels", maxDepth)
	}
	switch a := a.(type) {
	case nil:
		return &Node{Tag: "null"}, nil
	case *ast.MappingNode:
		n := &Node{Kind: Mapping}
		for _, v := range a.Values {
			if err := n.addGoccy(v, depth); err != nil {
				return nil, err
			}
		}
		return n, nil
	case *ast.MappingValueNode:
		n := &Node{Kind: Mapping}
		return n, n.addGoccy(a, depth)
	case *ast.MappingKeyNode:
		return fromGoccy(a.Value, depth+1)
	case *ast.SequenceNode:
		n := &Node{Kind: Sequence}
		for _, v := range a.Values {
			item, err := fromGoccy(v, depth+1)
			if err != nil {
				return nil, err
			}
			n.Values = append(n.Values, item)
		}
		return n, nil
	case *ast.TagNode:
		n, err := fromGoccy(a.Value, depth+1)
		if err == nil {
			n.Tag = a.Start.Value + n.Tag
		}
		return n, err
	case *ast.AnchorNode:
		n, err := fromGoccy(a.Value, depth+1)
		if err == nil {
			n.Anchor = a.Name.GetToken().Value
		}
		return n, err
	case *ast.AliasNode:
		return &Node{Kind: Alias, Value: a.Value.GetToken().Value}, nil
	case *ast.StringNode:
		return &Node{Value: a.Value}, nil
	case *ast.LiteralNode:
		return &Node{Value: a.Value.Value}, nil
	case *ast.NullNode:
		return &Node{Tag: "null"}, nil
	default:
		// Numbers, truth values and the merge key: their text, marked as
		// being no string.
		return &Node{Value: a.GetToken().Value, Tag: a.Type().String()}, nil
	}
}

func (n *Node) addGoccy(v *ast.MappingValueNode, depth int) error {
	key, err := fromGoccy(v.Key, depth+1)
	if err != nil {
		return err
	}
	value, err := fromGoccy(v.Value, depth+1)
	n.Keys, n.Values = append(n.Keys, key), append(n.Values, value)
	return err
}
