"""Holds templates for all regions against each region's own: as they are, and as SAM's translator makes them.

    onetemplate.py FOLDER [lint]

FOLDER holds for each case a folder with all.template, and REGION.template for each region; and objects/BUCKET/KEY, what
was stored. What CloudFormation does with the functions that find a location is done here by other code than mrpackage's.
With lint, cfn-lint may find nothing in all.template that it does not find in a region's own. The result is JSON on standard
output: {"problems": [...], "counts": {...}}.
"""
import collections
import copy
import json
import os
import pathlib
import re
import subprocess
import sys

import yaml

try:
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    import logging

    logging.disable(logging.CRITICAL)
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
except ImportError:
    Translator = None


class Loader(yaml.SafeLoader):
    pass


def function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix: value}


Loader.add_multi_constructor("!", function)
Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))

SUFFIX = collections.defaultdict(lambda: "amazonaws.com", {"cn-north-1": "amazonaws.com.cn"})


def load(path):
    text = path.read_text(encoding="utf-8-sig")
    try:
        return json.loads(text)
    except ValueError:
        return yaml.load(text, Loader)


class Evaluation:
    """What CloudFormation makes, in a region, of the functions that look into mappings that were added."""

    def __init__(self, region, mappings, added):
        self.region, self.mappings, self.added = region, mappings, added

    def text(self, value):
        if value == {"Ref": "AWS::Region"}:
            return self.region
        return value

    def value(self, node):
        if isinstance(node, list):
            return [self.value(n) for n in node]
        if not isinstance(node, dict):
            return node
        if list(node) == ["Fn::FindInMap"] and node["Fn::FindInMap"][0] in self.added:
            name, first, second = node["Fn::FindInMap"]
            return self.mappings[name][self.text(first)][second]
        if list(node) == ["Fn::Sub"] and isinstance(node["Fn::Sub"], list):
            text, own = node["Fn::Sub"]
            if json.dumps(own) != json.dumps(self.value(own)):  # one of ours
                known = {**self.value(own), "AWS::Region": self.region, "AWS::URLSuffix": SUFFIX[self.region]}
                return re.sub(r"\$\{([^}!]+)\}", lambda m: known[m[1]], text)
        return {k: self.value(v) for k, v in node.items()}


class Comparison:
    def __init__(self, objects, region):
        self.objects, self.region, self.nested = objects, region, 0

    def differ(self, everywhere, own):
        """The first place at which the template for all regions differs from the region's own, or None."""
        added = set(everywhere.get("Mappings") or {}) - set(own.get("Mappings") or {})
        evaluation = Evaluation(self.region, everywhere.get("Mappings") or {}, added)
        everywhere, own = dict(everywhere), dict(own)
        mappings = {k: v for k, v in (everywhere.pop("Mappings", None) or {}).items() if k not in added}
        where = self.at(mappings, own.pop("Mappings", None) or {}, "Mappings")
        return where or self.at(evaluation.value(everywhere), own, "")

    def at(self, a, b, where):
        if a == b and type(a) is type(b):
            return None
        if isinstance(a, dict) and isinstance(b, str) and list(a) == ["Bucket", "Key"]:
            return None if b == "s3://%s/%s" % (a["Bucket"], a["Key"]) else where
        if isinstance(a, str) and isinstance(b, str) and a.endswith(".template") and b.endswith(".template"):
            host = "https://s3.%s.%s/" % (self.region, SUFFIX[self.region])
            if not a.startswith(host) or not b.startswith(host):
                return where
            self.nested += 1
            deeper = self.differ(load(self.objects / a[len(host):]), load(self.objects / b[len(host):]))
            return deeper and where + " > " + deeper
        if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
            return next((w for k in a if (w := self.at(a[k], b[k], where + "." + str(k)))), None)
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            return next((w for i in range(len(a)) if (w := self.at(a[i], b[i], "%s.%d" % (where, i)))), None)
        return where or "the top"


HASHED = {"AWS::Lambda::LayerVersion", "AWS::Lambda::Version", "AWS::ApiGateway::Deployment", "AWS::ApiGatewayV2::Deployment"}


def translate(template, region):
    """What SAM's translator makes of a template in a region, without the digests in logical IDs; or what it complains of."""
    os.environ["AWS_DEFAULT_REGION"] = region
    parameters = {k: v["Default"] for k, v in (template.get("Parameters") or {}).items() if isinstance(v, dict) and "Default" in v}
    try:
        made = Translator({}, Parser()).translate(copy.deepcopy(template), parameters)
    except InvalidDocumentException as e:
        return None, sorted(c.message for c in e.causes)
    except Exception as e:  # some templates it cannot take at all
        return None, [type(e).__name__]
    text = json.dumps(made, default=str)
    for name, resource in made["Resources"].items():
        if resource.get("Type") in HASHED and re.search("[0-9a-f]{10}$", name):
            text = text.replace('"%s"' % name, '"%s-digest"' % name[:-10]).replace(name + ".", name[:-10] + "-digest.")
    return json.loads(re.sub("(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])", "digest", text)), None


def lint(paths):
    findings = collections.defaultdict(set)
    run = subprocess.run(["cfn-lint", "--format", "json", *map(str, paths)], capture_output=True, text=True)
    for f in json.loads(run.stdout or "[]"):
        path = [str(p) for p in f["Location"].get("Path") or []]
        findings[f["Filename"]].add((f["Rule"]["Id"], ".".join(path[:4])))
    return findings


def main():
    folder = pathlib.Path(sys.argv[1])
    problems, counts = [], collections.Counter()
    cases = sorted(p.parent for p in folder.glob("*/all.template"))
    for case in cases:
        try:
            everywhere = load(case / "all.template")
        except yaml.YAMLError as e:
            counts["not read by PyYAML"] += 1
            try:
                load(next(case.glob("*-*.template")))
                problems.append("%s: PyYAML reads the region's own template alone: %s" % (case.name, e))
            except yaml.YAMLError:
                pass  # nor the other
            continue
        for path in sorted(case.glob("*-*.template")):
            region, own = path.stem, load(path)
            if any(k.startswith("Mrpackage") for k in own.get("Mappings") or {}):
                counts["with loops, not compared"] += 1
                continue
            compared = Comparison(folder / "objects", region)
            where = compared.differ(everywhere, own)
            counts["compared"] += 1
            counts["nested templates"] += compared.nested
            if where:
                problems.append("%s: in %s it differs at %s" % (case.name, region, where))
            if not Translator or "Serverless-2016-10-31" not in str(own.get("Transform")):
                continue
            made, failed = translate(everywhere, region)
            by_own, own_failed = translate(own, region)
            counts["translated" if made else "not translated"] += 1
            if (made is None) != (by_own is None):
                problems.append("%s: in %s SAM says %s, and of the region's own template %s" % (case.name, region, failed, own_failed))
            elif made and (where := compared.differ(made, by_own)):
                problems.append("%s: in %s SAM makes it differ at %s" % (case.name, region, where))
    if "lint" in sys.argv[2:]:
        pairs = [(c / "all.template", next(c.glob("*-*.template"))) for c in cases]
        found = lint([p for pair in pairs for p in pair])
        for one, own in pairs:
            counts["linted"] += 1
            for rule, where in sorted(found[str(one)] - found[str(own)]):
                problems.append("%s: cfn-lint finds %s at %s" % (one.parent.name, rule, where))
    print(json.dumps({"problems": problems, "counts": counts}))


main()
