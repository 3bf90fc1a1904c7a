package publish

import (
	"path/filepath"
	"slices"
	"strings"
)

// mediaType is what an object says that it is, which is stored of a file as it is: by the
// file's extension, as cdk-assets says it of files of these kinds (IANA's registry of media
// types). Of others it says application/octet-stream.
func mediaType(path string) string {
	base := strings.ToLower(filepath.Base(path))
	ext := strings.TrimPrefix(filepath.Ext(base), ".")
	if ext == "" || "."+ext == base {
		return unknownType
	}
	for line := range strings.Lines(mediaTypes) {
		if fields := strings.Fields(line); slices.Contains(fields[1:], ext) {
			return fields[0]
		}
	}
	return unknownType
}

const unknownType = "application/octet-stream"

// mediaTypes are types, each with the extensions of its files.
const mediaTypes = `application/json json map
application/zip zip
application/java-archive jar war ear
text/yaml yaml yml
text/plain txt text conf def list log in ini
application/javascript js mjs
application/node cjs
video/mp2t ts
text/html html htm shtml
text/css css
text/csv csv
text/tab-separated-values tsv
text/markdown md markdown
text/calendar ics ifb
text/vtt vtt
text/jsx jsx
application/xml xml xsl xsd rng
application/xhtml+xml xhtml xht
application/atom+xml atom
application/rss+xml rss
application/wsdl+xml wsdl
application/json5 json5
application/geo+json geojson
application/ld+json jsonld
application/manifest+json webmanifest
application/toml toml
application/wasm wasm
application/pdf pdf
application/rtf rtf
application/gzip gz
application/x-tar tar
application/x-bzip2 bz2 boz
application/x-7z-compressed 7z
application/x-sh sh
application/x-sql sql
application/x-x509-ca-cert der crt pem
application/pkix-cert cer
application/pkix-crl crl
image/png png
image/jpeg jpeg jpg jpe
image/gif gif
image/svg+xml svg svgz
image/webp webp
image/avif avif
image/bmp bmp
image/tiff tif tiff
image/vnd.microsoft.icon ico
font/woff woff
font/woff2 woff2
font/ttf ttf
font/otf otf
audio/mpeg mpga mp2 mp2a mp3 m2a m3a
audio/ogg oga ogg spx opus
audio/wav wav
video/mp4 mp4 mp4v mpg4
video/webm webm
video/quicktime qt mov
application/msword doc dot
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.ms-excel xls xlm xla xlc xlt xlw
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/epub+zip epub
application/java-vm class
application/pgp-signature asc sig
application/rls-services+xml rs
application/vnd.apple.keynote key
application/vnd.ms-fontobject eot
application/vnd.ms-powerpoint ppt
application/vnd.oasis.opendocument.text odt
application/vnd.rar rar
application/x-httpd-php php
application/x-perl pl
application/x-pkcs12 p12 pfx
application/x-redhat-package-manager rpm
application/x-xz xz
audio/mp4 m4a
audio/x-flac flac
image/heic heic
text/coffeescript coffee
text/less less
text/x-c c cpp h
text/x-java-source java
text/x-lua lua
text/x-sass sass
text/x-scss scss
text/x-vcard vcf
video/x-matroska mkv
video/x-msvideo avi
`
