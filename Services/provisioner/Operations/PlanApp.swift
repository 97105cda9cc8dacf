import LabCore
import LabService
import LabState

/// `POST /v1/apps/{name}/plan`
struct PlanApp: Operation {
    struct Input: Codable, Sendable {
        let name: ResourceName
        let body: AppSpec
    }

    struct Output: Codable, Sendable {
        /// Empty when nothing would change.
        let steps: [ReleasePlan.Step]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "app.plan", "Says what declaring an app would change, and changes nothing.", safety: .read, .post,
            "/v1/apps/{name}/plan", scope: .act,
            fields: Dictionary(App.fields.map { ("body/" + $0.key, $0.value) }) { first, _ in first })
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let spec = try await App.admit(input.body, name: input.name, call)
        let name = try App.appName(input.name)
        let present = try await call.lab.store.resource(App.self, input.name)
        var steps: [ReleasePlan.Step] = []
        if spec.effectiveRuntime == .docker {
            steps += try await Runtimes(call.lab).docker.plan(spec, name)
        } else if let upstream = spec.upstream, present?.spec.upstream != upstream {
            let before = present?.spec.upstream.map { "\($0) → " } ?? ""
            steps.append(.init(present == nil ? .create : .change, "upstream", upstream.text, before + upstream.text))
        }
        let names = try LabNames(call.lab.settings)
        let host = try spec.host(of: name, in: names)
        let former = try present.map { try $0.spec.host(of: name, in: names) }
        if former != host {
            for kind in ["route", "record", "certificate"] {
                if let former { steps.append(.init(.remove, kind, former.text)) }
                steps.append(.init(.create, kind, host.text))
            }
        }
        return Output(steps: steps)
    }
}
