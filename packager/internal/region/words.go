package region

import (
	"slices"
	"strings"
)

// In returns the names of regions that a name holds as words, as a bucket's name
// often does: us-east-1 of code-us-east-1.
func In(name string) (found []string) {
	words := strings.FieldsFunc(name, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	for _, word := range words {
		parts := strings.Split(word, "-")
		for i := range parts {
			for _, length := range []int{3, 4} {
				if i+length <= len(parts) && isName(parts[i:i+length]) {
					found = append(found, strings.Join(parts[i:i+length], "-"))
				}
			}
		}
	}
	return found
}

// Other returns the region that a name holds where it should hold none but the
// given one; "" where it holds that one, or none, or where the given one is no
// region's name.
func Other(name, region string) string {
	found := In(name)
	if len(found) == 0 || slices.Contains(found, region) || !Valid(region) {
		return ""
	}
	return found[0]
}

// isName tells whether the parts are those of a region's name: us-east-1,
// us-gov-west-1. This is narrower than [Valid], as any words may stand in a name:
// the areas and directions are those that AWS has, and a number of three digits or
// more is an account's.
func isName(parts []string) bool {
	area, middle, number := parts[0], parts[1:len(parts)-1], parts[len(parts)-1]
	direction := middle[len(middle)-1]
	if rest := strings.TrimPrefix(strings.TrimPrefix(direction, "north"), "south"); rest != "" {
		direction = rest // northeast, southwest
	}
	return slices.Contains([]string{"us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx", "cn", "eusc"}, area) &&
		(len(middle) == 1 || slices.Contains([]string{"gov", "iso", "isob", "isoe", "isof", "de"}, middle[0])) &&
		slices.Contains([]string{"north", "south", "east", "west", "central"}, direction) &&
		len(number) < 3 && strings.Trim(number, "0123456789") == "" && number != ""
}

// NamesBucket tells whether a variable's name ends as those of [BucketVariable]
// do, in any case.
func NamesBucket(variable string) bool {
	return strings.HasSuffix(strings.ToUpper(variable), bucketSuffix)
}

// NamesRepository tells whether a variable's name ends as those of [RepositoryVariable]
// do, in any case.
func NamesRepository(variable string) bool {
	return strings.HasSuffix(strings.ToUpper(variable), repositorySuffix)
}

// MeantAsVariable tells whether a variable's name looks as if it were meant for a
// region's bucket or repository, right or misspelled: US_WEST2_ARTIFACT_BUCKET.
func MeantAsVariable(variable string) bool {
	name := strings.TrimSuffix(strings.ToUpper(variable), bucketSuffix)
	for _, area := range []string{"US", "EU", "AP", "SA", "CA", "ME", "AF", "IL", "MX", "CN"} {
		rest, ok := strings.CutPrefix(name, area)
		rest = strings.TrimLeft(rest, "_-")
		for _, direction := range []string{"NORTH", "SOUTH", "EAST", "WEST", "CENTRAL", "GOV", "ISO"} {
			if ok && strings.HasPrefix(rest, direction) {
				return true
			}
		}
	}
	return false
}
