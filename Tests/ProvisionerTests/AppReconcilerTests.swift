import FoundationEssentials
import LabCore
import LabState
import LabTesting
import Synchronization
import Testing

@testable import Provisioner

@Suite("Apps", .serialized)
struct AppReconcilerTests {
    @Test("an app goes online, is documented, goes offline with its upstream, and is gone without a trace when removed")
    func life() async throws {
        let upstream = try await TestUpstream.start()
        try await AppFixture.with { lab in
            try await lab.declare("notes", upstream.url, notes: "<script>alert(1)</script>")
            #expect(
                try await eventually {
                    try await lab.isTrue("notes", "Running", "Routed", "Resolvable", "Online", "Documented")
                })
            #expect(try await lab.condition("notes", "Online")?.message == "https://notes.home.arpa answered 200")
            #expect(lab.proxy.seen.withLock { $0.values.map(\.host.text) } == ["notes.home.arpa"])
            let page = try #require(try await lab.page("notes"))
            #expect(page.contains("is online at https://notes.home.arpa"))
            #expect(page.contains("&lt;script>"))
            #expect(try await lab.events("app.online").count == 1)

            try await upstream.stop()
            try await lab.setOnline(false)
            #expect(try await eventually { try await lab.condition("notes", "Running")?.status == .false })
            #expect(try await lab.condition("notes", "Running")?.reason == "UpstreamUnavailable")
            #expect(try await eventually { try await lab.events("app.offline").count == 1 })
            #expect(try await eventually { try await lab.page("notes")?.contains("is offline") == true })
            #expect(try await lab.condition("notes", "Documented")?.status == .true)

            try await lab.remove("notes")
            #expect(try await eventually { try await lab.store.resource(App.self, ResourceName("notes")) == nil })
            #expect(try await lab.store.resources(kind: TestRoute.name).isEmpty)
            #expect(try await lab.page("notes") == nil)
            #expect(try await eventually { try await lab.events("app.removed").count == 1 })
        }
    }

    @Test("the route is declared though the upstream does not answer, and Running says so")
    func routeWithoutUpstream() async throws {
        let gone = try await TestUpstream.start()
        let (url, port) = (gone.url, gone.port)
        try await gone.stop()
        try await AppFixture.with { lab in
            try await lab.declare("notes", url)
            #expect(try await eventually { try await lab.condition("notes", "Running")?.status == .false })
            #expect(try await eventually { try await lab.isTrue("notes", "Routed", "Online") })
            let back = try await TestUpstream.start(port: port)
            #expect(try await eventually { try await lab.isTrue("notes", "Running") })
            try await back.stop()
        }
    }

    @Test("upstreams that never answer delay no other app")
    func slow() async throws {
        let silent = try await TestUpstream.start(.staysSilent)
        let quick = try await TestUpstream.start()
        try await AppFixture.with(timeout: .seconds(20)) { lab in
            for index in 0..<20 { try await lab.declare("slow-\(index)", silent.url) }
            for index in 0..<20 { try await lab.declare("quick-\(index)", quick.url) }
            #expect(
                try await eventually {
                    for index in 0..<20 where try await !lab.isTrue("quick-\(index)", "Running", "Online", "Documented")
                    {
                        return false
                    }
                    return true
                })
            // The looks at the others are still under way: nobody waited for them, nor did their routes.
            for index in 0..<20 { #expect(try await lab.condition("slow-\(index)", "Running") == nil) }
            #expect(try await eventually { try await lab.isTrue("slow-19", "Routed") })
            #expect(try await eventually { try await lab.condition("slow-0", "Running")?.status == .false })
        }
        try await silent.stop()
        try await quick.stop()
    }

    @Test("of two apps with one host the first has it, and the other gets it when the first is removed")
    func hostTaken() async throws {
        let upstream = try await TestUpstream.start()
        try await AppFixture.with { lab in
            try await lab.declare("first", upstream.url, host: "notes.home.arpa")
            #expect(try await eventually { try await lab.isTrue("first", "Online") })
            try await lab.declare("second", upstream.url, host: "notes.home.arpa")
            #expect(try await eventually { try await lab.condition("second", "Routed")?.reason == "HostTaken" })
            #expect(try await lab.store.resource(RouteDeclaration.key(of: ResourceName("second"))) == nil)
            let holders = try await HostHolders(store: lab.store, names: lab.names)
                .holders(of: [Hostname("notes.home.arpa")])
            #expect(holders.values.first?.map(\.name.text) == ["first", "second"])
            try await lab.remove("first")
            #expect(try await eventually { try await lab.isTrue("second", "Online", "Documented") })
        }
        try await upstream.stop()
    }

    @Test("a route that a person declared is left alone, and the app with its name says so")
    func routeTaken() async throws {
        try await AppFixture.with { lab in
            let key = RouteDeclaration.key(of: try ResourceName("notes"))
            let mine = RouteDeclaration(
                host: try Hostname("mine.home.arpa"), upstream: try UpstreamURL("http://127.0.0.1:9"), title: "Mine",
                healthPath: nil, access: nil)
            try await lab.store.declare(Declaration(key, spec: mine))
            try await lab.declare("notes", "http://127.0.0.1:9")
            #expect(try await eventually { try await lab.condition("notes", "Routed")?.reason == "RouteTaken" })
            try await lab.remove("notes")
            #expect(try await eventually { try await lab.store.resource(App.self, ResourceName("notes")) == nil })
            #expect(try await lab.store.resource(key)?.isDeleted == false)
        }
    }

    @Test("a page edited by hand is written again, and each generation is told online once")
    func drift() async throws {
        let upstream = try await TestUpstream.start()
        try await AppFixture.with { lab in
            try await lab.declare("notes", upstream.url)
            #expect(try await eventually { try await lab.isTrue("notes", "Running", "Documented") })
            let path = lab.pages.path(.app(try AppName("notes")))
            let edited = "---\n\(FrontMatter.marker)\n---\nedited\n"
            try Data(edited.utf8).write(to: URL(filePath: path))
            #expect(try await eventually { try await lab.page("notes")?.contains("## Where it runs") == true })

            try await lab.declare("notes", upstream.url, notes: "Moved.")
            #expect(try await eventually { try await lab.isTrue("notes", "Online", "Documented") })
            #expect(try await eventually { try await lab.page("notes")?.contains("Moved.") == true })
            #expect(try await eventually { try await lab.events("app.online").count == 2 })
            try await Task.sleep(for: .seconds(2))
            #expect(try await lab.events("app.online").count == 2)
        }
        try await upstream.stop()
    }

    @Test("two replicas put many apps online together, each told once")
    func replicas() async throws {
        let upstream = try await TestUpstream.start()
        try await AppFixture.with(replicas: 2) { lab in
            for index in 0..<100 { try await lab.declare("app-\(index)", upstream.url) }
            #expect(
                try await eventually {
                    let conditions = try await lab.store.conditions(kind: App.name)
                    return conditions.count == 100
                        && conditions.values.allSatisfy { all in all.count { $0.condition.status == .true } == 5 }
                })
            #expect(try await lab.events("app.online").count == 100)
            #expect(try await lab.pages.appsWithPage().count == 100)
        }
        try await upstream.stop()
    }

    @Test("the platform's apps are declared, follow their setting, and leave a person's app alone")
    func platform() async throws {
        try await AppFixture.with { lab in
            try await lab.declare("notifier", "http://127.0.0.1:9")
            try await PlatformApps("provisioner=http://127.0.0.1:1,notifier=http://127.0.0.1:2")
                .update(lab.store, logger: lab.logger)
            let mine = try #require(try await lab.store.resource(App.self, ResourceName("notifier")))
            #expect(mine.spec.platform == nil)
            let own = try #require(try await lab.store.resource(App.self, ResourceName("provisioner")))
            #expect(own.spec.platform == true && own.spec.category?.text == "platform")
            try await PlatformApps("").update(lab.store, logger: lab.logger)
            #expect(try await eventually { try await lab.store.resource(App.self, ResourceName("provisioner")) == nil })
            #expect(try await lab.store.resource(App.self, ResourceName("notifier"))?.isDeleted == false)
        }
    }
}
