import Foundation
import LabCore
import LabServers
import LabService
import LabState
import LabTesting
import Testing

@testable import Provisioner

@Suite("What a Compose file says")
struct ComposeTests {
    private static func project(_ json: String) throws -> ComposeProject {
        try ComposeProject(try JSONText(trusted: json).decode(JSONValue.self))
    }

    @Test(
        "what people reach is what the block says, and else the likeliest",
        arguments: [
            (
                #"{"services": {"a": {"ports": [{"target": 9000, "published": "9000"}, {"target": 80, "published": "1"}]}}}"#,
                "a 80 http"
            ),
            (
                #"{"services": {"a": {"expose": ["5432"]}, "b": {"ports": [{"target": 4711, "published": "1"}]}}}"#,
                "b 4711 http"
            ),
            (#"{"services": {"a": {"expose": ["3000"]}, "b": {"expose": ["5432"]}}}"#, "a 3000 http"),
            (
                #"{"services": {"a": {"ports": [{"target": 53, "published": "53", "protocol": "udp"}], "expose": ["80"]}}}"#,
                "a 80 http"
            ),
            (#"{"services": {"a": {"expose": ["443"]}}}"#, "a 443 https"),
            (
                #"{"services": {"a": {}, "b": {}}, "x-lab": {"expose": {"service": "b", "port": 8443, "scheme": "http"}}}"#,
                "b 8443 http"
            ),
            (#"{"services": {"a": {}}, "x-lab": {"expose": {"port": "81"}}}"#, "a 81 http"),
        ])
    func exposure(_ json: String, _ wanted: String) throws {
        let exposure = try #require(try Self.project(json).exposure())
        #expect("\(exposure.service) \(exposure.port) \(exposure.scheme)" == wanted)
    }

    @Test(
        "a block that cannot be read is refused, with the nearest word",
        arguments: [
            (#"{"titel": "x"}"#, "“title”"), (#"{"expose": {"prot": 80}}"#, "“port”"),
            (#"{"allow": ["privilegd"]}"#, "“privileged”"),
            (#"{"access": "labb"}"#, "“lab”"), (#"{"drift": "x"}"#, "correct, report"),
            (#"{"expose": {"port": 0}}"#, "such a number"),
            (#"{"requirements": {"memory": "lots"}}"#, "512m or 2g"),
            (#"{"requirements": {"cpus": 1}}"#, "The keys are"),
            (#"[]"#, "key: value"), (#"{"title": ["a"]}"#, "one text"), (#"{"zzzzzz": 1}"#, "The keys are title"),
        ])
    func badBlock(_ json: String, _ remedy: String) throws {
        let value = try JSONText(trusted: json).decode(JSONValue.self)
        let problem = #expect(throws: Problem.self) { try LabBlock(value) }
        #expect(problem?.fields.count == 1)
        #expect(problem?.fields.first?.pointer == "/body/compose")
        #expect(problem?.fields.first?.remedy.contains(remedy) == true, "\(problem?.fields.first?.remedy ?? "")")
    }

    @Test("an app without a page, what is backed up, and what the machine should have")
    func furtherKeys() throws {
        let file = try Self.project(
            #"""
            {"services": {"a": {"expose": ["80"]}}, "volumes": {"data": {}, "cache": {}},
             "x-lab": {"expose": "none", "backup": ["data", "./config"],
                       "requirements": {"memory": "1.5g", "disk": "10GB", "cores": 2, "devices": ["/dev/dri"]}}}
            """#)
        #expect(try file.exposure() == nil)
        #expect(file.backup == ["data", "./config"])
        #expect(file.block.requirements.memory == 1_610_612_736)
        #expect(file.block.requirements.disk == 10_737_418_240)
        #expect(file.block.requirements.cores == 2)
        let plain = #"{"services": {"a": {}}, "volumes": {"data": {}, "cache": {}}, "x-lab": {"backup": "none"}}"#
        #expect(try Self.project(plain).backup == [])
        #expect(
            try Self.project(#"{"services": {"a": {}}, "volumes": {"data": {}, "cache": {}}}"#).backup == [
                "cache", "data",
            ])
        let problem = #expect(throws: Problem.self) {
            try Self.project(#"{"services": {"a": {}}, "volumes": {"data": {}}, "x-lab": {"backup": ["dta"]}}"#)
        }
        #expect(problem?.fields.first?.remedy == "Did you mean “data”?")
    }

    @Test(
        "what is done about a failure is the most careful of what services say, and rolling back where none does",
        arguments: [
            (["", ""], FailureAction.rollback), (["pause", ""], .pause), (["continue", "pause"], .pause),
            (["continue", "continue"], .continue), (["pause", "rollback"], .rollback),
            (["rollback", "continue"], .rollback),
        ])
    func failureAction(_ words: [String], _ wanted: FailureAction) throws {
        let services = words.enumerated().map { index, word in
            let section = word.isEmpty ? "" : #""deploy": {"update_config": {"failure_action": "\#(word)"}}"#
            return #""s\#(index)": {\#(section)}"#
        }
        let project = try Self.project(#"{"services": {\#(services.joined(separator: ", "))}}"#)
        #expect(FailureAction(of: project.document) == wanted)
    }

    @Test(
        "files that lie outside the app's folder are not read for it, unless that is allowed",
        arguments: [
            ("include: [/etc/x.yaml]", ["/etc/x.yaml"]), ("include: [{path: [a.yaml, ../b.yaml]}]", ["../b.yaml"]),
            ("include: [{path: a.yaml, env_file: ~/x}]", ["~/x"]), ("services: {a: {env_file: /run/x}}", ["/run/x"]),
            ("services: {a: {env_file: [.env, {path: ../../x}]}}", ["../../x"]),
            ("services: {a: {env_file: a/../.env}}", []), ("services: {a: {extends: {file: /x, service: y}}}", ["/x"]),
            ("services: {a: {extends: {service: y}, label_file: [/l]}}", ["/l"]),
            ("include: [./more/inner.yaml]", ["/run/secrets/database-url"]), ("services: {a: {image: x}}", []),
        ])
    func outsideFiles(_ text: String, _ wanted: [String]) {
        let files = ["more/inner.yaml": "services: {b: {env_file: /run/secrets/database-url}}"]
        #expect(OutsideFiles.read(by: text, files) == wanted)
    }

    @Test("a secret or config that is a file outside the app's folder is refused, unless that is allowed")
    func mountedFiles() throws {
        let text = #"{"services": {"a": {}}, "secrets": {"s": {"file": "/etc/shadow"}, "t": {"file": "/app/t"}}}"#
        let project = try Self.project(text)
        #expect(project.refusals(in: "/app").map(\.detail).count == 1)
        #expect(project.refusals(in: "/app", allowing: [.hostPaths]).isEmpty)
    }

    @Test(
        "durations are read as Compose writes them",
        arguments: [
            ("1m30s", 90.0), ("500ms", 0.5), ("2h0m0s", 7200), ("1.5s", 1.5), ("", nil), ("5", nil), ("s", nil),
        ])
    func durations(_ text: String, _ seconds: Double?) {
        #expect(Duration(compose: text) == seconds.map { .seconds($0) })
    }

    @Test(
        "services are called in images as names of images may be",
        arguments: [("web", "web"), ("DB", "db"), ("my_web", "my-web"), ("_a.", "a"), ("-", "service")])
    func imageNames(_ service: String, _ wanted: String) throws {
        let settings = try DockerSettings(LabSettings(["LAB_DOMAIN": "home.arpa"]))
        let names = ImageNames(settings, of: try AppName("notes"))
        #expect(
            names.name(of: "sha256:0123456789abcdef0123", service) == "lab.local/lab-notes/\(wanted):0123456789abcdef")
    }

    @Test("an image that is built is called as Compose calls it, whatever its service is called")
    func builtImages() throws {
        let project = try Self.project(#"{"services": {"DB": {"build": {"context": "."}}, "web": {"image": "A/b:1"}}}"#)
        let names = project.services.map { project.imageReference(of: $0, in: "lab-notes") }
        #expect(names == ["lab-notes-db", "A/b:1"])
    }

    @Test(
        "what Compose cannot write as JSON is read as YAML",
        .enabled(if: (try? Program.find("docker")) != nil, "docker compose is not installed"))
    func sshKeys() async throws {
        try await withTemporaryDirectory { folder in
            let file = folder + "/compose.yaml"
            try "services: {web: {image: own, build: {context: ., ssh: [key=./id]}, expose: [\"80\"]}}\n".write(
                toFile: file, atomically: true, encoding: .utf8)
            let document = try await ComposeProgram(socket: "/var/run/docker.sock").render(
                .init(name: "keys", directory: folder, file: file))
            let project = try ComposeProject(document)
            #expect(project.services.first?.isBuilt == true)
            #expect(try project.exposure()?.port == 80)
        }
    }

    @Test("images are pulled, but for those that are built and those that say never")
    func isPulled() throws {
        let project = try Self.project(
            #"""
            {"services": {"a": {"image": "x"}, "b": {"build": {"context": "."}}, "c": {"pull_policy": "never"},
            "d": {"pull_policy": "always"}, "e": {"pull_policy": "build"}, "f": {"build": null}}}
            """#)
        #expect(project.services.filter(\.isPulled).map(\.name) == ["a", "d", "f"])
    }

    @Test("a failure_action that does not exist is refused, with the nearest one")
    func unknownFailureAction() {
        let problem = #expect(throws: Problem.self) {
            try Self.project(#"{"services": {"a": {"deploy": {"update_config": {"failure_action": "pauze"}}}}}"#)
        }
        #expect(problem?.fields.map(\.pointer) == ["/body/compose"])
        #expect(problem?.fields.first?.remedy == "Did you mean “pause”?")
    }

    @Test("a file that is not YAML is told with the line and the column")
    func brokenYAML() {
        let problem = #expect(throws: Problem.self) {
            try ComposeCheck.checkYAML("services:\n  web:\n    image: a\n   x: b\n")
        }
        #expect(problem?.fields.first?.detail.contains("line 4, column 4") == true)
    }

    @Test(
        "paths of files stay inside the folder",
        arguments: ["", "/etc/passwd", "../x", "a/../../b", "a//b", "a/", "./a", "a\nb"])
    func badPath(_ path: String) {
        #expect(throws: InvalidText.self) { try ProjectFilePath(path) }
    }

    @Test("a plan names what is made, changed and taken away, and nothing when nothing is")
    func plan() throws {
        let live = try JSONText(
            trusted: #"""
                {"services": {"web": {"image": "a:1", "labels": {"lab.image": "nginx"}}, "old": {"image": "b"}},
                "volumes": {"data": {}}, "networks": {"default": {}, "back": {}}}
                """#
        ).decode(JSONValue.self)
        let wanted = try JSONText(
            trusted: #"""
                {"services": {"web": {"image": "a:2", "labels": {"lab.image": "nginx"}, "environment": {"A": "b"}},
                "new": {"image": "c"}}, "volumes": {"more": {}}, "networks": {"default": {}}}
                """#
        ).decode(JSONValue.self)
        let steps = ReleasePlan(wanted, instead: live).steps.map { "\($0.action) \($0.kind) \($0.name)" }
        #expect(
            steps == [
                "create container new", "change image web", "change container web", "remove container old",
                "create volume more", "change volume data", "remove network back",
            ])
        #expect(ReleasePlan(live, instead: live).steps == [])
        #expect(ReleasePlan(live, instead: nil).steps.count == 5)
    }

    @Test("what is run has images by content, labels, and the port that the proxy uses, and is else as it was")
    func releaseDocument() throws {
        let rendered = try JSONText(
            trusted: #"""
                {"name": "lab-x", "x-lab": {"title": "X"}, "networks": {"default": {"name": "lab-x_default"}}, "services":
                {"web": {"image": "nginx:1", "build": {"context": "."}, "labels": {"a": "b"}, "ports": [{"target": 80}]}}}
                """#
        ).decode(JSONValue.self)
        var document = ReleaseDocument(rendered, app: try AppName("x"))
        document.pin("web", to: "lab.local/lab-x/web:123", named: "nginx:1")
        document.publish("web", 80)
        let web = document.value["services"]?["web"]
        #expect(web?["image"] == "lab.local/lab-x/web:123")
        #expect(web?["build"] == nil)
        #expect(web?["labels"] == ["a": "b", "lab.app": "x", "lab.image": "nginx:1"])
        #expect(web?["ports"]?.arrayValue?.count == 2)
        #expect(web?["ports"]?.arrayValue?.last?["published"] == "${LAB_EXPOSED_PORT}")
        #expect(web?["ports"]?.arrayValue?.last?["host_ip"] == "127.0.0.1")
        #expect(document.value["x-lab"] == nil && document.value["name"] == nil)
        #expect(document.value["networks"] == ["default": ["name": "lab-x_default"]])
    }

    @Test("limits above the machine's cores are lowered to them, in both places, and nothing else is")
    func cores() throws {
        let rendered = try JSONText(
            trusted: #"""
                {"services": {
                "a": {"deploy": {"resources": {"limits": {"cpus": 4, "memory": "1"}}}},
                "b": {"cpus": 3.5}, "c": {"deploy": {"resources": {"limits": {"cpus": "2.5"}}}, "cpus": 1},
                "d": {"deploy": {"resources": {"limits": {"cpus": 1.5}}}}, "e": {}}}
                """#
        ).decode(JSONValue.self)
        var document = ReleaseDocument(rendered, app: try AppName("x"))
        #expect(document.services(above: 2) == ["a", "b", "c"])
        document.limit(document.services(above: 2), toCores: 2)
        let services = document.value["services"]
        #expect(services?["a"]?["deploy"]?["resources"]?["limits"] == ["cpus": 2.0, "memory": "1"])
        #expect(services?["b"]?["cpus"] == 2)
        #expect(services?["c"]?["deploy"]?["resources"]?["limits"] == ["cpus": 2.0])
        #expect(services?["c"]?["cpus"] == 1)
        #expect(services?["d"]?["deploy"]?["resources"]?["limits"] == ["cpus": 1.5])
        #expect(document.services(above: 2) == [])
    }
}
