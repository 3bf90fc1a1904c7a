package s3store

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// An End is what the lifecycle rules have in store for an object.
type End struct {
	At      time.Time // the zero time means that no rule ends it
	Rule    string    // the rule's ID
	Archive string    // it is not deleted then, but archived in this storage class
	// Earliest tells that it may also be later: nobody has said since when a newer version
	// stands in its place.
	Earliest bool
	Unknown  string // why that is not known
}

// End tells when an object ends. newest is whether it is the newest version, by the key
// alone or by its version ID; tags are asked for only where a rule depends on them.
func (r Rules) End(o Object, newest bool, tags func() (map[string]string, error)) (end End) {
	if r.Denied {
		return r.endBySay(o)
	}
	if o.Modified.IsZero() && len(r.rules) > 0 {
		return End{Unknown: "S3 does not tell when it was stored"}
	}
	ask := sync.OnceValues(tags)
	var known, all []rule // all of them with those of which nobody knows whether they are for the object
	unsure := ""
	for _, rule := range r.rules {
		if !rule.fits(o) {
			continue
		}
		if len(rule.tags) > 0 { // S3 does not count tags for who may not see them: none may be counted, and there are some
			own, err := ask()
			if err != nil || own == nil {
				all, unsure = append(all, rule), rule.id
				continue
			}
			if !rule.tagged(own) {
				continue
			}
		}
		known, all = append(known, rule), append(all, rule)
	}
	end = endBy(known, o, newest)
	if perhaps := endBy(all, o, newest); !perhaps.At.IsZero() && (end.At.IsZero() || perhaps.At.Before(end.At)) {
		end.Unknown = "the rule " + unsure + " depends on its tags, and S3 does not tell them"
	}
	return end
}

// endBySay reads the date that S3 tells with the object itself: expiry-date="Fri, 21 Dec
// 2012 00:00:00 GMT", rule-id="..." (API reference, HeadObject, x-amz-expiration).
func (r Rules) endBySay(o Object) End {
	_, rest, ok := strings.Cut(o.Expires, `expiry-date="`)
	date, rest, closed := strings.Cut(rest, `"`)
	at, err := http.ParseTime(date)
	if !ok || !closed || err != nil {
		return End{Unknown: "S3 does not tell this caller the bucket's lifecycle rules"}
	}
	_, id, _ := strings.Cut(rest, `rule-id="`)
	id, _, _ = strings.Cut(id, `"`)
	return End{At: at, Rule: id, Unknown: "S3 does not tell this caller whether it is archived before"}
}

// fits tells whether the rule is for objects of this key and size.
func (r rule) fits(o Object) bool {
	return strings.HasPrefix(o.Key, r.prefix) && (r.above < 0 || o.Size > r.above) && (r.below < 0 || o.Size < r.below)
}

// tagged tells whether an object has all of the rule's tags.
func (r rule) tagged(own map[string]string) bool {
	for k, v := range r.tags {
		if is, there := own[k]; !there || is != v {
			return false
		}
	}
	return true
}

// endBy is when the first of several rules ends an object. What expires in a bucket with versions
// gets a delete marker, and its version stays until it has been noncurrent for long enough,
// by the same rule or by another one.
func endBy(rules []rule, o Object, newest bool) (end End) {
	left := leaves(rules, o, newest)
	for _, r := range rules {
		end = end.orSooner(End{At: r.deletes(o, newest, left), Rule: r.id, Earliest: o.Version != "" && (!newest || r.keeps)})
		for _, a := range r.archives {
			if !r.large || o.Size >= smallest {
				end = end.orSooner(End{At: a.at(o, newest, left), Rule: r.id, Archive: a.class, Earliest: !newest})
			}
		}
	}
	return end
}

// orSooner is the first of two ends. What is deleted at the same time is not archived.
func (e End) orSooner(other End) End {
	at := other.At
	if at.IsZero() || !e.At.IsZero() && (at.After(e.At) || at.Equal(e.At) && (e.Archive == "" || other.Archive != "")) {
		return e
	}
	return other
}

// leaves is from when on a version is not the newest, at the earliest; the zero time if no rule
// makes it so.
func leaves(rules []rule, o Object, newest bool) (left time.Time) {
	if !newest {
		return o.Modified
	}
	for _, r := range rules {
		if at := r.expires(o.Modified); !at.IsZero() && (left.IsZero() || at.Before(left)) {
			left = at
		}
	}
	return left
}

// deletes is when a rule deletes an object, or the version that is asked for.
func (r rule) deletes(o Object, newest bool, left time.Time) time.Time {
	switch {
	case o.Version == "": // named by the key alone
		return r.expires(o.Modified)
	case r.noncurrent > 0 && !left.IsZero():
		return midnight(left, r.noncurrent)
	case newest && (o.VersionID == "" || o.VersionID == "null"):
		return r.expires(o.Modified)
	}
	return time.Time{}
}

// at is when an object is archived.
func (a archival) at(o Object, newest bool, left time.Time) time.Time {
	switch {
	case a.noncurrent && o.Version != "" && !left.IsZero():
		return midnight(left, a.days)
	case a.noncurrent || !newest:
		return time.Time{}
	case !a.date.IsZero():
		return a.date
	}
	return midnight(o.Modified, a.days)
}

// expires is when the newest version expires.
func (r rule) expires(modified time.Time) time.Time {
	if r.days > 0 {
		return midnight(modified, r.days)
	}
	return r.date
}

// midnight is so many days later, rounded up to midnight UTC, as S3 counts (S3 guide,
// "Lifecycle rules: based on an object's age").
func midnight(from time.Time, days int) time.Time {
	at := from.UTC().AddDate(0, 0, days)
	day := at.Truncate(24 * time.Hour)
	if day.Before(at) {
		day = day.AddDate(0, 0, 1)
	}
	return day
}
