import LabCore
import LabService
import LabState
import LabTesting
import Testing

@testable import ProxyRouter

@Suite("Traefik gets a document that it takes")
struct TraefikDocumentTests {
    private let lab: LabAuthority
    private let settings = TraefikSettings(publicHTTPSPort: 8443)

    init() throws { lab = try LabAuthority() }

    private func route(
        _ host: String, _ upstream: String = "http://127.0.0.1:8080", pathPrefix: String? = nil, megabytes: Int = 0
    ) throws -> ProxyRoute {
        ProxyRoute(
            host: try Hostname(host), upstream: try UpstreamURL(upstream),
            pathPrefix: try pathPrefix.map { text throws(InvalidText) in try PathPrefix(text) },
            maximumBodyMegabytes: megabytes, certificate: try lab.certificate(host))
    }

    @Test("a route has a router with TLS, one that leads to HTTPS, a service, and its certificate as PEM text")
    func content() throws {
        let state = ProxyState([
            try route("notes.home.arpa", "https://[fd00::5]:8443", pathPrefix: "/app", megabytes: 2)
        ])
        let root = try TraefikDocument(state, settings).root
        let router = try #require(root["http"]?["routers"]?["notes.home.arpa"])
        #expect(router["rule"] == "Host(`notes.home.arpa`)")
        #expect(router["tls"] == [:])
        #expect(router["priority"] == 1000)
        #expect(router["middlewares"] == ["notes.home.arpa-prefix", "notes.home.arpa-body"])
        #expect(root["http"]?["routers"]?["notes.home.arpa-http"]?["middlewares"] == ["lab-https"])
        #expect(root["http"]?["middlewares"]?["lab-https"]?["redirectScheme"]?["port"] == "8443")
        #expect(
            root["http"]?["middlewares"]?["notes.home.arpa-body"]?["buffering"]?["maxRequestBodyBytes"] == 2_097_152)
        let servers = root["http"]?["services"]?["notes.home.arpa"]?["loadBalancer"]?["servers"]
        #expect(servers == [["url": "https://[fd00::5]:8443"]])
        // Who signs for himself is spoken to all the same, as with nginx.
        let balancer = root["http"]?["services"]?["notes.home.arpa"]?["loadBalancer"]
        #expect(balancer?["serversTransport"] == "lab-unverified")
        #expect(root["http"]?["serversTransports"] == ["lab-unverified": ["insecureSkipVerify": true]])
        let certificate = try #require(root["tls"]?["certificates"]?.arrayValue?.first)
        #expect(certificate["certFile"]?.stringValue?.hasPrefix("-----BEGIN CERTIFICATE-----") == true)
        #expect(certificate["keyFile"]?.stringValue?.hasPrefix("-----BEGIN PRIVATE KEY-----") == true)
    }

    @Test("equal states have equal bytes, in whatever order the routes came")
    func stability() throws {
        let routes = try (0..<20).map { try route("n\($0).home.arpa") }
        let text = try TraefikDocument(ProxyState(routes), settings).text
        for _ in 0..<5 { #expect(try TraefikDocument(ProxyState(routes.shuffled()), settings).text == text) }
        #expect(
            try JSONText(trusted: text).decode(JSONValue.self) == TraefikDocument(ProxyState(routes), settings).root)
    }

    @Test("without routes the document is not empty and has no empty map")
    func lastRoute() throws {
        let text = try TraefikDocument(ProxyState([]), settings).text
        #expect(text.contains("lab-https"))
        #expect(!text.contains("{}"))
        #expect(!text.contains("routers"))
        #expect(!text.contains("services"))
    }

    @Test("before a state is applied the answer is 503, afterwards it follows each change")
    func endpoint() async throws {
        let proxy = try TraefikProxy(settings)
        #expect(proxy.answer.status == 503)
        let state = ProxyState([try route("a.home.arpa")])
        #expect(try await proxy.apply(state).isChanged)
        let first = proxy.answer
        #expect(first.status == 200)
        #expect(first.contentType == "application/json")
        #expect(try await !proxy.apply(state).isChanged)
        #expect(proxy.answer.body == first.body)
        #expect(try await proxy.apply(ProxyState([])).isChanged)
        #expect(proxy.answer.status == 200)
        #expect(!proxy.answer.body.contains("a.home.arpa"))
    }

    @Test("the file is replaced as a whole, is its owner's alone, and is mended when somebody changes it")
    func file() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/lab.yaml"
            let proxy = try TraefikProxy(TraefikSettings(publicHTTPSPort: 443, file: path))
            let state = ProxyState([try route("a.home.arpa")])
            _ = try await proxy.apply(state)
            #expect(Disk.read(path) == proxy.answer.body)
            #expect(Disk.names(in: directory) == ["lab.yaml"])
            try Disk.replace(path, with: "{}", mode: 0o600)
            #expect(try await !proxy.isServing(state))
            _ = try await proxy.apply(state)
            #expect(try await proxy.isServing(state))
        }
    }

    @Test("a file that Traefik would not read is refused")
    func fileName() {
        #expect(throws: InvalidText.self) { try TraefikProxy(TraefikSettings(file: "/etc/traefik/lab.json")) }
        #expect(throws: InvalidText.self) { try TraefikProxy(TraefikSettings(file: "lab.yaml")) }
    }
}

@Suite("The checker judges as Traefik does")
struct TraefikCheckerTests {
    private static func http(
        rule: String = "Host(`a.home.arpa`)", service: String = "s", more: [String: JSONValue] = [:]
    ) -> JSONValue {
        let router: [String: JSONValue] = ["rule": .string(rule), "service": .string(service)]
        return [
            "http": [
                "routers": ["r": .object(router.merging(more) { $1 })],
                "services": ["s": ["loadBalancer": ["servers": [["url": "http://127.0.0.1:80"]]]]],
            ]
        ]
    }

    @Test(
        "a right document passes",
        arguments: [
            http(), http(more: ["tls": [:]]), http(service: "api@internal"),
            http(rule: "Host(`a.home.arpa`) && (PathPrefix(\"/api\") || !Method(`GET`))"),
            http(rule: "Header(`X-A`, `b`) || Query(`a`) || ClientIP(`10.0.0.0/8`)"),
            http(more: ["middlewares": ["auth@file"], "priority": 10, "entryPoints": ["websecure"]]),
            ["http": ["middlewares": ["m": ["compress": [:]]]]],
            ["http": ["middlewares": ["m": ["retry": ["attempts": 3, "initialInterval": "100ms"]]]]],
            ["tls": ["options": ["default": ["minVersion": "VersionTLS12"]]]],
            [
                "tcp": [
                    "routers": ["r": ["rule": "HostSNI(`*`)", "service": "s"]],
                    "services": ["s": ["loadBalancer": ["servers": [["address": "10.0.0.1:22"]]]]],
                ]
            ],
        ] as [JSONValue])
    func accepts(_ document: JSONValue) throws {
        try TraefikChecker.check(document)
    }

    @Test(
        "a wrong document is refused, with the place",
        arguments: [
            ([:], "the document: it is empty"),
            ("text", "not an object"),
            (["https": ["routers": [:]]], "/https: there is no such section"),
            (["http": [:]], "/http: it is an empty object"),
            (["http": ["routers": [:]]], "/http/routers: it is an empty object"),
            (["http": ["middlewares": ["m": [:]]]], "/http/middlewares/m: it is an empty object"),
            (["http": ["middlewares": ["m": ["magic": ["a": 1]]]]], "/http/middlewares/m: it has none"),
            (
                ["http": ["middlewares": ["m": ["compress": [:], "contentType": [:]]]]],
                "/http/middlewares/m: it has compress and contentType"
            ),
            (["http": ["middlewares": ["m@x": ["compress": [:]]]]], "“m@x” cannot be a name"),
            (["http": ["middlewares": ["m": ["addPrefix": ["prefix": "/{{ env `HOME` }}"]]]]], "which is code"),
            (["http": ["middlewares": ["m": ["addPrefix": ["prefix": 3]]]]], "it is an integer, not a string"),
            (["http": ["middlewares": ["m": ["retry": ["initialInterval": "1s"]]]]], "/attempts: the field is missing"),
            (["http": ["middlewares": ["m": ["retry": ["attempts": 1, "timeout": "soon"]]]]], "not a duration"),
            (["http": ["middlewares": ["m": ["chain": ["middlewares": ["n"]]]]]], "there is no middleware “n”"),
            (http(service: "t"), "there is no service “t”"),
            (http(more: ["middlewares": ["m"]]), "there is no middleware “m”"),
            (http(more: ["middlewares": []]), "it is an empty array"),
            (http(more: ["colour": "red"]), "/http/routers/r/colour: there is no such field"),
            (http(more: ["priority": "high"]), "it is a string, not an integer"),
            (http(rule: "Host(a.home.arpa)"), "not in backticks"),
            (http(rule: "Host(`a.home.arpa`, `b.home.arpa`)"), "join several with ||"),
            (http(rule: "Host(`a.home.arpa`) &&"), "a matcher is missing"),
            (http(rule: "Host(`a.home.arpa`"), "not closed"),
            (http(rule: "(Host(`a.home.arpa`)"), "not closed"),
            (http(rule: "Hosts(`a.home.arpa`)"), "there is no matcher “Hosts”"),
            (http(rule: "PathPrefix(`api`)"), "does not begin with a slash"),
            (http(rule: "Host(`a`) Path(`/`)"), "goes on"),
            (http(rule: ""), "a matcher is missing"),
            (
                ["http": ["services": ["s": ["loadBalancer": ["servers": [["url": "http://127.0.0.1/x"]]]]]]],
                "not a server's URL"
            ),
            (
                ["http": ["services": ["s": ["loadBalancer": ["servers": [["url": "http://169.254.169.254"]]]]]]],
                "not a server's URL"
            ),
            (["tls": ["certificates": [["certFile": "x"]]]], "/keyFile: the field is missing"),
        ] as [(JSONValue, String)])
    func refuses(_ document: JSONValue, _ words: String) {
        let fault = #expect(throws: TraefikChecker.Fault.self) { try TraefikChecker.check(document) }
        #expect(fault?.description.contains(words) == true, "\(fault?.description ?? "nothing")")
    }

    @Test("two routers with one rule on one entry point are refused, on different ones they are not")
    func doubledRules() throws {
        func document(_ first: String, _ second: String) -> JSONValue {
            func router(_ entryPoint: String) -> JSONValue {
                ["rule": "Host(`a.home.arpa`)", "service": "s", "entryPoints": [.string(entryPoint)]]
            }
            return [
                "http": [
                    "routers": ["r": router(first), "t": router(second)],
                    "services": ["s": ["loadBalancer": ["servers": [["url": "http://127.0.0.1"]]]]],
                ]
            ]
        }
        try TraefikChecker.check(document("web", "websecure"))
        let fault = #expect(throws: TraefikChecker.Fault.self) { try TraefikChecker.check(document("web", "web")) }
        #expect(fault?.description.contains("same rule") == true)
    }
}
