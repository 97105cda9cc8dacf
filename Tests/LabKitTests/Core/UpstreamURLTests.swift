import LabCore
import Testing

@Suite("Upstream URLs")
struct UpstreamURLTests {
    @Test(
        "an upstream is made canonical",
        arguments: [
            ("http://127.0.0.1:8096", "http://127.0.0.1:8096"), ("HTTP://NAS.Home.arpa:80/", "http://nas.home.arpa"),
            ("https://nas:443", "https://nas"), ("https://nas:80", "https://nas:80"),
            ("http://my_app:3000", "http://my_app:3000"), ("http://localhost.", "http://localhost"),
            ("http://[::1]:9000", "http://[::1]:9000"), ("http://[FD00:0:0:1:0:0:0:1]", "http://[fd00:0:0:1::1]"),
            ("http://[fd00::0:1]", "http://[fd00::1]"), ("http://[::ffff:10.0.0.1]", "http://[::ffff:a00:1]"),
            ("http://[1:2:3:4:5:6:7:8]", "http://[1:2:3:4:5:6:7:8]"),
            ("http://[1:0:2:3:4:5:6:7]", "http://[1:0:2:3:4:5:6:7]"),
        ])
    func canonical(_ given: String, _ expected: String) throws {
        let url = try UpstreamURL(given)
        #expect(url.text == expected)
        #expect(try UpstreamURL(url.text) == url)
    }

    @Test("its parts are told apart, and the authority always has a port")
    func parts() throws {
        let url = try UpstreamURL("https://[fd00::1]")
        #expect(url.scheme == .https)
        #expect(url.port == 443)
        #expect(url.authority == "[fd00::1]:443")
        #expect(try UpstreamURL("http://10.0.0.1:81").host == .ipv4(0x0A00_0001))
    }

    @Test(
        "what is not an upstream is refused, and the reason names the fault",
        arguments: [
            ("", "empty"), ("nas:8096", "no scheme"), ("//nas", "no scheme"), ("ftp://nas", "not one of HTTP"),
            ("file:///etc/passwd", "not one of HTTP"), ("http://", "no host"), ("http://:80", "no host"),
            ("http://user:secret@nas", "password"), ("http://nas@10.0.0.1", "password"),
            ("http://nas/app", "path"), ("http://nas?x=1", "query"), ("http://nas#top", "fragment"),
            ("http://nas:0", "port"), ("http://nas:65536", "port"), ("http://nas:", "port"), ("http://nas:+80", "port"),
            ("http://nas:80:81", "colon"), ("http://fd00::1", "colon"), ("http://[fd00::1", "“]”"),
            ("http://[fd00::1]x", "between"), ("http://[fe80::1%25eth0]", "IPv6"), ("http://[:::]", "IPv6"),
            ("http://[1:2:3:4:5:6:7]", "IPv6"), ("http://[1::2::3]", "IPv6"), ("http://[12345::]", "IPv6"),
            ("http://[1:2:3:4:5:6:7::8]", "IPv6"), ("http://na s", "space"), ("http://nas\r\nHost: x", "control"),
            ("http://nas\\x", "backslash"), ("http://n%61s", "name"), ("http://a..b", "name"), ("http://-a", "name"),
        ])
    func refused(_ given: String, _ fault: String) {
        let error = #expect(throws: InvalidText.self) { try UpstreamURL(given) }
        #expect(error?.detail.contains(fault) == true, "\(error?.detail ?? "nothing")")
        #expect(error?.remedy.isEmpty == false)
    }

    @Test(
        "addresses that would turn a proxy against the lab are refused in every spelling",
        arguments: [
            "169.254.169.254", "169.254.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "[::]", "[fe80::1]",
            "[febf::1]", "[ff02::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
            "[::169.254.169.254]", "[64:ff9b::169.254.169.254]", "[::ffff:0.0.0.0]", "2852039166", "0xa9fea9fe",
            "169.254.43518", "169.16689662", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "127.1", "010.0.0.1",
            "metadata.google.internal", "METADATA.google.internal.",
        ])
    func dangerous(_ host: String) {
        #expect(throws: InvalidText.self) { try UpstreamURL("http://\(host):80") }
    }
}
