import LabCore

/// Who declares an app, and why, which its next release says.
extension AppSpec {
    /// With who declares it. Where all else is declared already, nothing is new, and it stays as somebody declared it.
    ///
    /// - Parameters:
    ///   - actor: the name of the token.
    ///   - present: what is declared now; nil for what is new.
    func declared(by actor: String, instead present: AppSpec?) -> AppSpec {
        guard effectiveRuntime == .docker else {
            var spec = self
            spec.actor = nil
            return spec
        }
        var spec = self
        // Leaving it out does not undo an upgrade: the images that came with it would come once more.
        spec.upgrade = upgrade ?? present?.upgrade
        // Nor does it undo that a secret is another one.
        spec.rotation = rotation ?? present?.rotation
        if let present {
            (spec.actor, spec.message) = (present.actor, present.message)
            if spec == present { return present }
        }
        (spec.actor, spec.message) = (actor, message)
        return spec
    }
}
