import LabCore
import LabState
import Testing

@testable import ProxyRouter

@Suite("Specs")
struct SpecTests {
    @Test("a route needs a host and an upstream; the rest has defaults")
    func defaults() throws {
        let text = JSONText(trusted: #"{"host": "Notes.Home.Arpa.", "upstream": "HTTP://127.0.0.1:80/"}"#)
        let spec = try text.decode(RouteSpec.self)
        #expect(spec.host.text == "notes.home.arpa")
        #expect(spec.upstream.text == "http://127.0.0.1")
        #expect(spec.healthPath == .root)
        #expect(spec.access == .lab)
        #expect(spec.maximumBodyMegabytes == 0)
        #expect(spec.pathPrefix == nil)
        #expect(try JSONText(encoding: spec).decode(RouteSpec.self) == spec)
    }

    @Test(
        "a route with a wrong field is refused, with that field",
        arguments: [
            (#"{"upstream": "http://127.0.0.1"}"#, "/host"),
            (#"{"host": "a;b.home.arpa", "upstream": "http://127.0.0.1"}"#, "/host"),
            (#"{"host": "a.home.arpa", "upstream": "ftp://127.0.0.1"}"#, "/upstream"),
            (#"{"host": "a.home.arpa", "upstream": "http://user:secret@nas.home.arpa"}"#, "/upstream"),
            (#"{"host": "a.home.arpa", "upstream": "http://169.254.169.254"}"#, "/upstream"),
            (#"{"host": "a.home.arpa", "upstream": "http://[fe80::1]"}"#, "/upstream"),
            (#"{"host": "a.home.arpa", "upstream": "http://[::ffff:169.254.1.1]"}"#, "/upstream"),
            (#"{"host": "a.home.arpa", "upstream": "http://metadata.google.internal"}"#, "/upstream"),
            (#"{"host": "a.home.arpa", "upstream": "http://127.0.0.1", "pathPrefix": "/a;b"}"#, "/pathPrefix"),
            (#"{"host": "a.home.arpa", "upstream": "http://127.0.0.1", "pathPrefix": "/a/../b"}"#, "/pathPrefix"),
            (#"{"host": "a.home.arpa", "upstream": "http://127.0.0.1", "pathPrefix": "/$x"}"#, "/pathPrefix"),
            (#"{"host": "a.home.arpa", "upstream": "http://127.0.0.1", "healthPath": "up"}"#, "/healthPath"),
            (#"{"host": "a.home.arpa", "upstream": "http://127.0.0.1", "access": "all"}"#, "/access"),
            (
                #"{"host": "a.home.arpa", "upstream": "http://127.0.0.1", "maximumBodyMegabytes": -1}"#,
                "/maximumBodyMegabytes"
            ),
            (#"{"host": "a.home.arpa", "upstream": "http://127.0.0.1", "title": "a\nb"}"#, "/title"),
        ])
    func refusals(_ text: String, _ field: String) {
        let error = #expect(throws: DecodingError.self) { try JSONText(trusted: text).decode(RouteSpec.self) }
        #expect(error.map { DecodingProblem.field(of: $0).pointer } == field)
    }

    @Test(
        "a certificate has 1 to 100 names, none twice",
        arguments: [#"{"names": []}"#, #"{"names": ["a.home.arpa", "A.home.arpa"]}"#, #"{"names": ["a_b"]}"#])
    func certificates(_ text: String) {
        #expect(throws: DecodingError.self) { try JSONText(trusted: text).decode(CertificateSpec.self) }
    }

    @Test("rules refuse a host outside the lab, a route to itself, metadata services and what the proxy cannot do")
    func rules() throws {
        let rules = RouteRules(
            domains: try LabDomains(domain: Hostname("home.arpa"), others: "lab.example:transparent"),
            access: [.lab, .public], proxy: "nginx")
        func reason(_ host: String, _ upstream: String, _ access: RouteSpec.Access = .lab) throws -> String? {
            let spec = try RouteSpec(host: Hostname(host), upstream: UpstreamURL(upstream), access: access)
            return rules.refusal(of: spec)?.reason
        }
        #expect(try reason("a.home.arpa", "http://127.0.0.1") == nil)
        #expect(try reason("a.lab.example", "http://127.0.0.1", .public) == nil)
        #expect(try reason("a.example", "http://127.0.0.1") == "OutsideZones")
        #expect(try reason("ahome.arpa", "http://127.0.0.1") == "OutsideZones")
        #expect(try reason("a.home.arpa", "http://a.home.arpa:81") == "UpstreamIsItself")
        #expect(try reason("a.home.arpa", "http://metadata") == "UpstreamRefused")
        #expect(try reason("a.home.arpa", "http://127.0.0.1", .owner) == "UnsupportedByDriver")
    }

    @Test("nginx's configuration holds nothing but what was validated")
    func rendering() throws {
        let lab = try LabAuthority()
        let settings = try NginxSettings(
            directory: "/var/lib/lab/nginx", listen: [try #require(IPLiteral("::1"))], httpPort: 80, httpsPort: 443,
            resolver: ServerAddress("[fd00::2]:53", defaultPort: 53))
        let host = "\(String(repeating: "a", count: 60)).\(String(repeating: "b", count: 60)).home.arpa"
        let state = ProxyState([
            ProxyRoute(
                host: try Hostname(host), upstream: try UpstreamURL("https://nas.home.arpa"),
                certificate: try lab.certificate(host))
        ])
        let text = NginxConfiguration(state, settings).http
        #expect(text.contains("    \(host) https://nas.home.arpa:443;"))
        #expect(text.contains("map_hash_bucket_size 256;"))
        #expect(text.contains("resolver [fd00::2]:53 "))
        #expect(text.contains("listen [::1]:443 ssl http2;"))
        #expect(text.contains("server_names_hash_bucket_size 256;"))
        #expect(text.contains("return 308 https://$host$request_uri;"))
        #expect(!text.contains("PRIVATE KEY"))
        #expect(NginxConfiguration(state, settings).revision == NginxConfiguration(state, settings).revision)
        #expect(throws: InvalidText.self) {
            try NginxSettings(
                directory: "/tmp/a;b", listen: [], httpPort: 80, httpsPort: 443,
                resolver: ServerAddress("127.0.0.1", defaultPort: 53))
        }
    }

    @Test("a complaint of nginx is laid at the door of the route whose line it names")
    func complaints() throws {
        let lab = try LabAuthority()
        let settings = try NginxSettings(
            directory: "/var/lib/lab/nginx", listen: [try #require(IPLiteral("127.0.0.1"))], httpPort: 80,
            httpsPort: 443, resolver: ServerAddress("127.0.0.1:53", defaultPort: 53))
        let routes = try ["a.home.arpa", "b.home.arpa"].map { host in
            ProxyRoute(
                host: try Hostname(host), upstream: try UpstreamURL("http://127.0.0.1:8080"),
                certificate: try lab.certificate(host))
        }
        let configuration = NginxConfiguration(ProxyState(routes), settings)
        let lines = configuration.http.split(separator: "\n", omittingEmptySubsequences: false)
        let line = try #require(lines.firstIndex { $0.contains("b.home.arpa http://") }) + 1
        let words = "nginx: [emerg] something is wrong in /x/revisions/1/http.conf:"
        #expect(NginxComplaint(words + "\(line)\n", configuration).hosts == [routes[1].host])
        #expect(NginxComplaint(words + "1\n", configuration).hosts.isEmpty)
        #expect(
            NginxComplaint(words + "1", configuration).message == "something is wrong in /x/revisions/1/http.conf:1")
    }
}
