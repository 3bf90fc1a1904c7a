package buildspec

import "testing"

// Commands that write no template, and so hide none that is missing.
func TestHarmlessCommands(t *testing.T) {
	for _, command := range []string{
		// Questions.
		"python --version", "python3 -V", "node -v", "make --version", "java -version", "cdk version", "npx cdk --version",
		"aws --version", "sam --help", "./gradlew -v", "which x", "command -v x", "type x", "hash x", "go env GOPATH", "npm root -g",
		"npm --version", "make -h", "sudo docker version",
		// Installers.
		"pip install -r requirements.txt", "python -m pip install x", "python3 -m venv v", "npm ci", "npm --quiet ci", "yarn",
		"yarn --frozen-lockfile", "gem install x", "bundle install", "composer install", "n 20", "apt-get update", "poetry install",
		// Linters, compilers, tests.
		"eslint .", "npx eslint .", "npx --yes eslint .", "flake8", "python -m flake8", "cfn-lint t.yaml", "shellcheck a.sh", "black --check .",
		"pytest -v", "poetry run pytest", "poetry run python -m pytest", "bundle exec rspec", "npx jest", "tsc -p .", "go vet ./...",
		"docker build -t a .", "docker login", "sam validate",
		// What a shell has.
		"export A=b", "set -e", "true", "echo a", "readlink -f a", "awk 1 a",
	} {
		if b := read(t, command); b.Opaque != nil {
			t.Errorf("%s: it is not known what %s does", command, b.Opaque.Command)
		}
	}
}

// Commands that may write a template.
func TestOpaqueCommands(t *testing.T) {
	for _, command := range []string{
		"make", "make version", "make -v", "python build.py", "python -c x", "python -m build", "node build.js", "npx cdk synth", "npm run x", "npm test",
		"cdk synth", "sam build", "serverless package", "serverless package --version 1", "docker run a", "docker build -o . .", "gradle version",
		"poetry run build", "yarn build", "pytestx", "x", "terraform apply", "sam", "go run ./x", "go generate", "python", "pytest$X", "npx", "pnpm dlx x",
	} {
		if b := read(t, command); b.Opaque == nil {
			t.Errorf("%s: it should not be known what it does", command)
		}
	}
}
