import LabCore
import LabState
import Testing

@testable import Provisioner

@Suite("What an app's declaration may hold")
struct AdmissionTests {
    private func spec(_ json: String) throws -> AppSpec { try JSONText(trusted: json).decode() }

    @Test("the smallest declaration gets the lab's domain")
    func smallest() throws {
        let names = try LabNames(domain: Hostname("home.arpa"))
        let host = try App.check(try spec(#"{"upstream": "http://10.0.0.1"}"#), name: AppName("notes"), names)
        #expect(host.text == "notes.home.arpa")
    }

    @Test(
        "what is refused is refused at its field, with a remedy",
        arguments: [
            (#"{"upstream": "http://10.0.0.1", "host": "notes.example.org"}"#, "/body/host"),
            (#"{"upstream": "http://10.0.0.1", "host": "nothome.arpa"}"#, "/body/host"),
            (#"{"upstream": "http://10.0.0.1", "platform": true}"#, "/body/platform"),
            (#"{"upstream": "http://notes.home.arpa"}"#, "/body/upstream"),
        ])
    func refused(_ json: String, _ pointer: String) throws {
        let names = try LabNames(domain: Hostname("home.arpa"), others: "lab.example.com:transparent, other.arpa")
        let problem = #expect(throws: Problem.self) {
            try App.check(try spec(json), name: AppName("notes"), names)
        }
        #expect(problem?.fields.map(\.pointer) == [pointer])
        #expect(problem?.fields.first?.remedy.isEmpty == false)
    }

    @Test(
        "what cannot be read is told with its field",
        arguments: [
            (#"{"upstream": "http://169.254.169.254"}"#, "/upstream"),
            (#"{"upstream": "http://u:p@10.0.0.1"}"#, "/upstream"),
            (#"{"upstream": "http://10.0.0.1", "title": "a\nb"}"#, "/title"),
            (#"{"upstream": "http://10.0.0.1", "title": ""}"#, "/title"),
            (#"{"upstream": "http://10.0.0.1", "healthPath": "health"}"#, "/healthPath"),
            (#"{"upstream": "http://10.0.0.1", "healthPath": "/a b"}"#, "/healthPath"),
            (#"{"upstream": "http://10.0.0.1", "runtime": "podman"}"#, "/runtime"),
            (#"{"compose": ""}"#, "/compose"), (#"{"compose": "a\u0000b"}"#, "/compose"),
            (#"{"compose": "services: {}", "drift": "never"}"#, "/drift"),
            (#"{"compose": "services: {}", "files": {"a": 1}}"#, "/files/a"),
            (#"{"upstream": "http://10.0.0.1", "access": "everyone"}"#, "/access"),
            (#"{"upstream": "http://10.0.0.1", "host": "nas"}"#, "/host"),
            (#"{"upstream": "http://10.0.0.1", "notes": "\#(String(repeating: "a", count: 20_001))"}"#, "/notes"),
        ])
    func unreadable(_ json: String, _ pointer: String) {
        let error = #expect(throws: (any Error).self) { try spec(json) }
        #expect(error.map { DecodingProblem.field(of: $0).pointer } == pointer)
    }

    @Test(
        "an app has what its runtime needs, and nothing that another one would",
        arguments: [
            (#"{}"#, "/body/upstream"), (#"{"runtime": "native"}"#, "/body/upstream"),
            (#"{"runtime": "native", "upstream": "http://10.0.0.1", "compose": "services: {}"}"#, "/body/compose"),
            (#"{"upstream": "http://10.0.0.1", "message": "why"}"#, "/body/compose"),
            (#"{"runtime": "docker", "upstream": "http://10.0.0.1"}"#, "/body/upstream"),
            (#"{"compose": "services: {}", "upstream": "http://10.0.0.1"}"#, "/body/upstream"),
        ])
    func workload(_ json: String, _ pointer: String) throws {
        let problem = #expect(throws: Problem.self) { try App.checkWorkload(try spec(json)) }
        #expect(problem?.fields.map(\.pointer) == [pointer])
        #expect(problem?.fields.first?.remedy.isEmpty == false)
    }

    @Test("a host may lie in each of the lab's zones")
    func zones() throws {
        let names = try LabNames(domain: Hostname("home.arpa"), others: "lab.example.com:transparent,other.arpa")
        for host in ["x.home.arpa", "x.lab.example.com", "x.other.arpa"] {
            let app = try spec(#"{"upstream": "http://10.0.0.1", "host": "\#(host)"}"#)
            #expect(try App.check(app, name: AppName("notes"), names).text == host)
        }
    }

    @Test("an app's name is one label", arguments: ["a.b", "_a", "*", "a:b", "12"])
    func names(_ name: String) throws {
        let problem = #expect(throws: Problem.self) { try App.appName(ResourceName(name)) }
        #expect(problem?.fields.first?.pointer == "/name")
    }

    @Test("the platform's apps are read from their setting")
    func platform() throws {
        let apps = try PlatformApps("provisioner=http://127.0.0.1:8080, dns-manager=http://127.0.0.1:8081")
        #expect(apps.upstreams.map(\.name.text) == ["dns-manager", "provisioner"])
        let first = try #require(apps.upstreams.first)
        #expect(try apps.spec(of: first.name, first.upstream).platform == true)
        for text in ["provisioner", "a.b=http://x", "a=ftp://x", "a=http://x,a=http://y"] {
            #expect(throws: InvalidText.self) { try PlatformApps(text) }
        }
    }
}
