import LabCore
import LabPostgres
import LabState
import Testing

@Suite("Declared things")
struct ResourceStoreTests {
    @Test("declaring the same again changes neither generation nor work")
    func sameAgain() async throws {
        try await StateFixture.with { fixture in
            let key = try Lamp.key("hall")
            let first = try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: true)))
            #expect(first.isCreated && first.isChanged && first.generation == 1)
            let again = try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: true)))
            #expect(!again.isCreated && !again.isChanged && again.generation == 1)
            let changed = try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: false)))
            #expect(!changed.isCreated && changed.isChanged && changed.generation == 2)
            #expect(try await fixture.store.resource(Lamp.self, key.name)?.spec.isOn == false)
        }
    }

    @Test("a thing keeps its owner: another owner's declaration is refused and changes nothing")
    func ownerClash() async throws {
        try await StateFixture.with { fixture in
            let key = try Lamp.key("hall")
            let owner = try Lamp.key("house")
            try await fixture.store.declare(Declaration(key, owner: owner, spec: Lamp.Spec(isOn: true)))
            await #expect(throws: Problem.self) {
                try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: false)))
            }
            do {
                try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: false)))
            } catch let problem as Problem {
                #expect(problem.reason == .conflict)
                #expect(problem.detail.contains("Lamp house"))
            }
            #expect(try await fixture.store.resource(Lamp.self, key.name)?.spec.isOn == true)
        }
    }

    @Test("an expected generation that passed by is a conflict; 0 means that it must not exist")
    func expectedGeneration() async throws {
        try await StateFixture.with { fixture in
            let key = try Lamp.key("hall")
            try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: true), expectedGeneration: 0))
            await #expect(throws: Problem.self) {
                try await fixture.store.declare(
                    Declaration(key, spec: Lamp.Spec(isOn: false), expectedGeneration: 0))
            }
            let result = try await fixture.store.declare(
                Declaration(key, spec: Lamp.Spec(isOn: false), expectedGeneration: 1))
            #expect(result.generation == 2)
        }
    }

    @Test("one refused declaration of many leaves all of them undone, with no event")
    func allOrNothing() async throws {
        try await StateFixture.with { fixture in
            let owner = try Lamp.key("house")
            try await fixture.store.declare(Declaration(Lamp.key("taken"), owner: owner, spec: Lamp.Spec(isOn: true)))
            await #expect(throws: Problem.self) {
                try await fixture.store.declare(
                    [
                        Declaration(Lamp.key("free"), spec: Lamp.Spec(isOn: true)),
                        Declaration(Lamp.key("taken"), spec: Lamp.Spec(isOn: true)),
                    ], telling: [NewEvent("lamp.declared")])
            }
            #expect(try await fixture.store.resource(Lamp.key("free")) == nil)
            #expect(try await fixture.events("lamp.declared").isEmpty)
        }
    }

    @Test("hostile text in a spec comes back as it was")
    func hostileText() async throws {
        try await StateFixture.with { fixture in
            let colour = #"'; drop table lab.resource; -- " \ $1 \u0007 é 🙂"#
            try await fixture.store.declare(Declaration(Lamp.key("hall"), spec: Lamp.Spec(isOn: true, colour: colour)))
            #expect(try await fixture.store.resource(Lamp.self, ResourceName("hall"))?.spec.colour == colour)
        }
    }

    @Test("removal is asked for once, and declaring it anew takes the removal back")
    func removal() async throws {
        try await StateFixture.with { fixture in
            let key = try Lamp.key("hall")
            try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: true)))
            #expect(try await fixture.store.remove([key]) == [key])
            #expect(try await fixture.store.remove([key]).isEmpty)
            #expect(try await fixture.store.resource(key)?.isDeleted == true)
            let again = try await fixture.store.declare(Declaration(key, spec: Lamp.Spec(isOn: true)))
            #expect(again.isChanged && again.generation == 3)
            #expect(try await fixture.store.resource(key)?.isDeleted == false)
        }
    }

    @Test("pages go through all names once, in the order of their bytes")
    func pages() async throws {
        try await StateFixture.with { fixture in
            let names = (0..<25).map { "lamp-\($0)" } + ["a.b", "_x", "z"]
            try await fixture.store.declare(
                names.map { try Declaration(Lamp.key($0), spec: Lamp.Spec(isOn: true)) })
            var seen: [String] = []
            var after: ResourceName?
            while true {
                let page = try await fixture.store.page(kind: Lamp.name, after: after, limit: 7)
                seen += page.map(\.name.text)
                guard page.count == 7 else { break }
                after = page.last?.name
            }
            #expect(seen == names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
        }
    }
}
