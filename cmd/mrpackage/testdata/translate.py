"""Writes what SAM's translator makes of a template in a region, in JSON: translate.py FILE REGION"""
import json
import logging
import os
import sys

os.environ["AWS_DEFAULT_REGION"] = sys.argv[2]
logging.disable(logging.CRITICAL)

from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.translator import Translator  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps(Translator({}, Parser()).translate(yaml_parse(file.read()), {})))
