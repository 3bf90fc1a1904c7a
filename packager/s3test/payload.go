package s3test

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// checksum is a checksum of an algorithm by the name S3 gives it, as "SHA256", in base64. The zero checksum is none.
type checksum struct{ algorithm, value string }

// newHash returns nil for an algorithm that this server cannot verify.
func newHash(algorithm string) hash.Hash {
	const crc64NVME = 0x9a6c9329ac4bc9b5 // reversed, as hash/crc64 wants it
	switch algorithm {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "CRC64NVME":
		return crc64.New(crc64.MakeTable(crc64NVME))
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	}
	return nil
}

func newChecksum(algorithm string, data []byte) checksum {
	h := newHash(algorithm)
	h.Write(data)
	return checksum{algorithm, base64.StdEncoding.EncodeToString(h.Sum(nil))}
}

// checksumField returns where an object keeps its checksum of an algorithm.
func (o *Object) checksumField(algorithm string) *string {
	switch algorithm {
	case "CRC32":
		return &o.ChecksumCRC32
	case "CRC32C":
		return &o.ChecksumCRC32C
	case "CRC64NVME":
		return &o.ChecksumCRC64NVME
	case "SHA1":
		return &o.ChecksumSHA1
	default:
		return &o.ChecksumSHA256
	}
}

func (o *Object) checksum() checksum {
	for _, algorithm := range []string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		if value := *o.checksumField(algorithm); value != "" {
			return checksum{algorithm, value}
		}
	}
	return checksum{}
}

func (o *Object) setChecksum(sum checksum, checksumType string) {
	*o.checksumField(sum.algorithm) = sum.value
	o.ChecksumType = checksumType
}

// addChecksum adds the checksum's header.
func (a *answer) addChecksum(sum checksum) {
	if sum.value != "" {
		a.header.Set("X-Amz-Checksum-"+sum.algorithm, sum.value)
	}
}

// payload reads the body, and verifies it against all that the request says of it. The checksum is the one that the
// request gives, if any.
func (c *call) payload() ([]byte, checksum, *s3Error) {
	if c.wrong == Early || c.wrong == Unchecked {
		body, readErr := io.ReadAll(c.body)
		if readErr != nil {
			return nil, checksum{}, invalidRequest(readErr.Error())
		}
		return body, checksum{}, nil
	}
	body, trailer, err := c.read()
	if err != nil {
		return nil, checksum{}, err
	}
	claimed, err := c.claimedChecksum(trailer)
	if err != nil {
		return nil, checksum{}, err
	}
	if claimed.algorithm != "" && newChecksum(claimed.algorithm, body) != claimed {
		return nil, checksum{}, badDigest(claimed.algorithm)
	}
	return body, claimed, nil
}

func badDigest(algorithm string) *s3Error {
	return newError(http.StatusBadRequest, "BadDigest",
		"The "+algorithm+" you specified did not match the calculated checksum.")
}

// claimedChecksum returns the checksum that the headers and the trailer give.
func (c *call) claimedChecksum(trailer textproto.MIMEHeader) (checksum, *s3Error) {
	const prefix = "X-Amz-Checksum-"
	var claims []checksum
	for _, fields := range []map[string][]string{c.Header, trailer} {
		for name, values := range fields {
			algorithm, ok := strings.CutPrefix(name, prefix)
			if ok && algorithm != "Algorithm" && algorithm != "Mode" && algorithm != "Type" {
				claims = append(claims, checksum{strings.ToUpper(algorithm), values[0]})
			}
		}
	}
	switch {
	case len(claims) > 1:
		return checksum{}, invalidRequest(
			"Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
	case len(claims) == 0 && c.Header.Get("X-Amz-Sdk-Checksum-Algorithm") != "":
		return checksum{}, invalidRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding " +
			"x-amz-checksum-* or x-amz-trailer headers were found.")
	case len(claims) == 0:
		return checksum{}, nil
	}
	if newHash(claims[0].algorithm) == nil {
		return checksum{}, notImplemented(strings.ToLower(prefix + claims[0].algorithm))
	}
	return claims[0], nil
}

// read reads the body, undoes aws-chunked, and verifies the length, x-amz-content-sha256 and Content-MD5.
func (c *call) read() ([]byte, textproto.MIMEHeader, *s3Error) {
	var body []byte
	var trailer textproto.MIMEHeader
	var err error
	switch content := c.Header.Get("X-Amz-Content-Sha256"); {
	case content == "":
		return nil, nil, invalidRequest("Missing required header for this request: x-amz-content-sha256")
	case strings.HasPrefix(content, "STREAMING-"):
		var length int64
		length, err = strconv.ParseInt(c.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil {
			return nil, nil, newError(http.StatusLengthRequired, "MissingContentLength",
				"You must provide the Content-Length HTTP header.")
		}
		body, trailer, err = decodeChunks(c.body, strings.HasPrefix(content, "STREAMING-AWS4-"))
		if err == nil && int64(len(body)) != length {
			err = io.ErrUnexpectedEOF
		}
	case c.ContentLength < 0:
		return nil, nil, notImplemented("Transfer-Encoding")
	default:
		body = make([]byte, c.ContentLength)
		_, err = io.ReadFull(c.body, body)
	}
	if err != nil {
		return nil, nil, newError(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly")
	}
	if err := verifySHA256(body, c.Header.Get("X-Amz-Content-Sha256")); err != nil {
		return nil, nil, err
	}
	for name := range strings.SplitSeq(strings.Join(c.Header.Values("X-Amz-Trailer"), ","), ",") {
		if name = strings.TrimSpace(name); name != "" && trailer.Get(name) == "" {
			return nil, nil, newError(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data "+
				"that was not well-formed or did not conform to our published schema.")
		}
	}
	return body, trailer, verifyMD5(body, c.Header.Get("Content-Md5"))
}

// verifySHA256 verifies what x-amz-content-sha256 claims, if it is a hash.
func verifySHA256(body []byte, claimed string) *s3Error {
	if claimed == "UNSIGNED-PAYLOAD" || strings.HasPrefix(claimed, "STREAMING-") {
		return nil
	}
	sum := sha256.Sum256(body)
	if got := hex.EncodeToString(sum[:]); got != claimed {
		return newError(http.StatusBadRequest, "XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.",
			"ClientComputedContentSHA256", claimed, "S3ComputedContentSHA256", got)
	}
	return nil
}

func verifyMD5(body []byte, claimed string) *s3Error {
	if claimed == "" {
		return nil
	}
	want, err := base64.StdEncoding.DecodeString(claimed)
	if err != nil || len(want) != md5.Size {
		return newError(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified is not valid.")
	}
	if got := md5.Sum(body); !bytes.Equal(got[:], want) {
		return newError(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.",
			"ExpectedDigest", claimed, "CalculatedDigest", base64.StdEncoding.EncodeToString(got[:]))
	}
	return nil
}

// decodeChunks undoes the aws-chunked encoding: chunks, each after a line with its size in hexadecimal and, if signed, its
// signature, an empty one last; then trailing header fields.
func decodeChunks(r io.Reader, signed bool) ([]byte, textproto.MIMEHeader, error) {
	malformed := errors.New("malformed chunk")
	in := bufio.NewReader(r)
	lines := textproto.NewReader(in)
	var body bytes.Buffer
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return nil, nil, err
		}
		digits, extension, _ := strings.Cut(line, ";")
		size, err := strconv.ParseInt(digits, 16, 64)
		if err != nil || size < 0 || signed != strings.HasPrefix(extension, "chunk-signature=") {
			return nil, nil, malformed
		}
		if size == 0 {
			break
		}
		if _, err := io.CopyN(&body, in, size); err != nil {
			return nil, nil, err
		}
		if line, err := lines.ReadLine(); err != nil || line != "" {
			return nil, nil, malformed
		}
	}
	trailer, err := lines.ReadMIMEHeader()
	if err != nil {
		return nil, nil, err
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return nil, nil, malformed
	}
	return body.Bytes(), trailer, nil
}
