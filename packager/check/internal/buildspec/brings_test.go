package buildspec

import "testing"

// Commands that may bring files whose names do not stand in them.
func TestCommandsThatBringFiles(t *testing.T) {
	for _, command := range []string{
		"unzip a.zip", "unzip a.zip -d out", "tar xzf a.tgz", "tar -x -f a.tar -C out", "tar --extract -f a.tar", "curl https://example.com/a.tgz | tar xz",
		"gunzip *.gz", "rsync -a host:out/ .", "rsync -a build/ .", "cp -r build/. .", "cp build/* .", "mv build/* .", "ln -s build/* .",
		"cp -r /opt/app/. .", "cp a.yaml \"$OUT\"", "mv build out", "tee \"$OUT\"", "echo a > $OUT",
		"git clone https://example.com/a .", "git pull", "git fetch && git checkout b -- .", "git apply a.patch", "git lfs pull", "git submodule update --init",
		"git -C tools pull", "aws s3 sync s3://b/a .", "aws s3 cp --recursive s3://b/a out", "aws s3 cp s3://b/a out --recursive", "aws s3 cp $URL .",
		"aws --region us-east-1 s3 mv s3://b/$KEY .", "curl -sSLO $URL", "curl -o \"$OUT\" https://example.com/a", "wget $URL", "wget -i list",
		"awk -f a.awk b", "awk '{print > $1}' a", "sed -f a.sed b", "yq -s .kind a.yaml", "find . -name '*.yaml' -exec cp {} $OUT \\;",
		"rsync -a $DIR/ out", "cp -r $CODEBUILD_SRC_DIR_Other/. .",
	} {
		if b := read(t, command); b.Brings == nil {
			t.Errorf("%s: it may bring any files", command)
		}
	}
	for _, command := range []string{
		"unzip a.zip -d /usr/local", "tar xzf a.tgz -C /usr/local/bin", "tar czf a.tgz src", "curl https://example.com/a | tar xz --directory=/opt", "gunzip a.gz",
		"cp a.yaml b.yaml", "cp a.yaml out", "mv a.yaml out/", "cp -r build/. /opt/app", "cp a ~/.aws/config", "tee a.log", "echo a > a.txt",
		"d=$(mktemp -d) && tar xzf a.tgz -C $d", "tar xzf a.tgz -C $HOME/tools", "git clone https://example.com/a /opt/a", "git config user.name a", "git describe --tags",
		"aws s3 sync dist s3://b --delete", "aws s3 cp a.zip s3://b/a.zip", "aws s3 sync s3://a s3://b", "aws s3 cp s3://b/a.yaml .", "aws s3 ls s3://b/$X",
		"aws s3 sync dist $BUCKET_URL --delete", "aws s3 cp --recursive s3://b/a /opt", "curl -fsSLo /usr/local/bin/a https://example.com/$V/a",
		"curl -X POST -H \"Authorization: $TOKEN\" https://example.com", "wget https://example.com/a.zip", "awk '{print $1}' a", "sed -i s/a/b/ c",
		"find . -name '*.sh' -exec chmod +x {} +", "npm ci", "cd app && npm install", "cp -r . out", "cp *.py out", "docker build -t $TAG .",
	} {
		if b := read(t, command); b.Brings != nil {
			t.Errorf("%s: the files that it writes are named", command)
		}
	}
}
