import LabCore
import LabHTTPClient
import LabMQTT
import LabService
import LabState
import LabTesting
import Testing

@testable import Provisioner

@Suite("What people ask the provisioner for", .serialized)
struct OperationTests {
    private func call(_ lab: AppFixture) throws -> OperationCall {
        let postgres = lab.store.postgres
        return OperationCall(
            caller: Caller(name: "anna", scope: .act),
            lab: LabContext(
                settings: LabSettings(["LAB_DOMAIN": "home.arpa", "LAB_DOCS_DIR": lab.pages.directory]),
                store: lab.store, wakeUps: WakeUps(postgres: postgres, logger: lab.logger),
                mqtt: try MQTTClient(
                    MQTTConfiguration(host: "127.0.0.1", port: 1, clientID: "test"), logger: lab.logger),
                http: HTTPClient(logger: lab.logger), replica: "test", logger: lab.logger))
    }

    private func put(_ name: String, _ body: String, _ lab: AppFixture) async throws -> Int64 {
        let input = try JSONText(trusted: #"{"name": "\#(name)", "body": \#(body)}"#)
            .decode(PutResource<App>.Input.self)
        return try await PutResource<App>().run(input, call(lab)).generation
    }

    @Test("a second app with a host that is taken is refused with 409, and nothing is declared")
    func hostTaken() async throws {
        try await AppFixture.with { lab in
            let first = try await put("first", #"{"upstream": "http://127.0.0.1:9", "host": "x.home.arpa"}"#, lab)
            #expect(first == 1)
            for (name, body) in [
                ("second", #"{"upstream": "http://127.0.0.1:9", "host": "x.home.arpa"}"#),
                ("x", #"{"upstream": "http://127.0.0.1:9"}"#),
            ] {
                let problem = await #expect(throws: Problem.self) { try await put(name, body, lab) }
                #expect(problem?.status == 409)
                #expect(problem?.fields.first?.pointer == "/body/host")
                #expect(problem?.fields.first?.remedy.contains("another host") == true)
                #expect(try await lab.store.resource(App.key(ResourceName(name))) == nil)
            }
            // The app itself may be declared again.
            #expect(try await put("first", #"{"upstream": "http://127.0.0.1:9", "host": "x.home.arpa"}"#, lab) == 1)
        }
    }

    @Test("every operation has a schema, and an app's fields are all documented")
    func schemas() throws {
        for operation in ProvisionerService.operations {
            _ = try operation.inputSchema()
            _ = try operation.outputSchema()
        }
        let body = try #require(try PutResource<App>().inputSchema().property("body"))
        #expect(Set(body.properties.map(\.name)) == Set(App.fields.keys))
        // Which of them an app needs is its runtime's affair.
        #expect(body.properties.filter(\.isRequired).map(\.name) == [])
    }

    @Test("the service tells which of its settings is wrong")
    func settings() async throws {
        try await AppFixture.with { lab in
            let good = try call(lab).lab
            #expect(try ProvisionerService(good).background.count == 4)
            for (key, value) in [
                ("LAB_DOCS_DIR", "docs"), ("LAB_DOCS_DIR", ""), ("LAB_ZONES", "a b"), ("LAB_PLATFORM_APPS", "x"),
                ("LAB_DOCKER_SOCKET", "docker.sock"), ("LAB_APPS_DIR", "apps"), ("LAB_DOCKER_PREFIX", "Lab"),
                ("LAB_DOCKER_HEALTH_SECONDS", "1"),
            ] {
                let settings = ["LAB_DOMAIN": "home.arpa", "LAB_DOCS_DIR": lab.pages.directory]
                    .merging([key: value]) { $1 }
                let wrong = LabContext(
                    settings: LabSettings(settings), store: good.store, wakeUps: good.wakeUps, mqtt: good.mqtt,
                    http: good.http, replica: "test", logger: lab.logger)
                let error = #expect(throws: SettingError.self) { try ProvisionerService(wrong) }
                #expect(error?.key == key)
            }
        }
    }

    @Test("an app of the platform is not taken over by a person")
    func platform() async throws {
        try await AppFixture.with { lab in
            try await PlatformApps("provisioner=http://127.0.0.1:9").update(lab.store, logger: lab.logger)
            let problem = await #expect(throws: Problem.self) {
                try await put("provisioner", #"{"upstream": "http://127.0.0.1:8"}"#, lab)
            }
            #expect(problem?.status == 409)
        }
    }

    @Test("a native app's restart is refused with what to do, its page and the change log are read")
    func readsAndRestart() async throws {
        let upstream = try await TestUpstream.start()
        try await AppFixture.with { lab in
            _ = try await put("notes", #"{"upstream": "\#(upstream.url)"}"#, lab)
            let input = AppInput(name: try ResourceName("notes"))
            let problem = await #expect(throws: Problem.self) { try await RestartApp().run(input, call(lab)) }
            #expect(problem?.title == "UnsupportedByDriver")
            #expect(problem?.status == 422)
            #expect(try await eventually { try await lab.isTrue("notes", "Documented") })
            #expect(try await GetAppPage().run(input, call(lab)).markdown.contains("# notes"))
            let changes = try await ListChangelog().run(.init(limit: nil, app: nil), call(lab))
            #expect(changes.items.map(\.type).contains("app.online"))
            let missing = await #expect(throws: Problem.self) {
                try await GetAppPage().run(AppInput(name: ResourceName("other")), call(lab))
            }
            #expect(missing?.status == 404)
        }
        try await upstream.stop()
    }

    @Test("the page of all apps and the change log follow, and pages of apps that are gone are deleted")
    func keeper() async throws {
        let upstream = try await TestUpstream.start()
        try await AppFixture.with { lab in
            let keeper = DocsKeeper(lab.pages, names: lab.names, lab: try call(lab).lab)
            _ = try await put("notes", #"{"upstream": "\#(upstream.url)", "title": "My | notes"}"#, lab)
            #expect(try await eventually { try await lab.isTrue("notes", "Documented") })
            let orphan = PagePath.app(try AppName("gone"))
            try await lab.pages.write("---\n\(FrontMatter.marker)\n---\n", to: orphan)
            try await keeper.update()
            let index = try #require(try await lab.pages.read(.index))
            #expect(index.contains("| [My &#124; notes](services/notes.md) |"))
            #expect(index.contains("| yes |"))
            #expect(try await lab.pages.read(orphan) == nil)
            let log = try #require(try await lab.pages.read(.changelog))
            #expect(log.contains("App **notes** was declared by anna"))
            #expect(log.contains("App **notes** is online at https://notes.home.arpa"))
        }
        try await upstream.stop()
    }
}
